-- The coupon of which a page to pay on holds one redemption: given back when the page ends unpaid, kept once it is paid.
ALTER TABLE checkout ADD COLUMN coupon TEXT;
CREATE INDEX checkout_coupon ON checkout (coupon) WHERE coupon IS NOT NULL;
-- Those that ended here, and hold it until the provider says that nobody can pay on them.
CREATE INDEX checkout_held ON checkout (expires_at) WHERE state = 'EXPIRED' AND coupon IS NOT NULL;
