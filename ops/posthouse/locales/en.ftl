# Letters of the server. Months, and what stages bring, are chosen by name.
date = { $day } { $month ->
    [January] January
    [February] February
    [March] March
    [April] April
    [May] May
    [June] June
    [July] July
    [August] August
    [September] September
    [October] October
    [November] November
   *[December] December
} { $year }
moment = { $date }, { $time } UTC
quoted = “{ $name }”
signs-in = where you sign in to what { $host } offers

# Codes: an invitation, a forgotten password.
invitation-subject = You are invited to { $tenant }
invitation-about = You are invited to { $tenant } on { $host }.
invitation-unexpected = If you did not expect this, do nothing.
reset-subject = A new password
reset-about = Somebody, perhaps you, asked for a new password for { $address } on { $host }.
reset-unexpected = If it was not you, do nothing: your password stays as it is.
secret-at = Enter this code at { $link }:
secret-elsewhere = Your code. Enter it where you sign in to what { $host } offers, or ask whoever runs it; a program gives it to the API as `secret` of `{ $mutation }`:
secret-once = It is good once, until { $until }.

# Signups.
signup-code-subject = Your code for { $host }
signup-code-about = Somebody, perhaps you, signs up for { $wanted } on { $host } and gave this address as a contact.
signup-code-code = The code:
signup-code-enter = Enter it where you signed up. It is good until { $until }. If you closed that page, go on here:
signup-code-unexpected = If it was not you, do nothing, and tell the code to nobody.
signup-paid-subject = It is paid: one step is left
signup-paid-about = Your signup on { $host } is paid. One step is left: choose a password. If you closed that page, go on here:
signup-paid-else = Without it nothing is made, and in a week your money goes back.
welcome-subject = Welcome to { $host }
welcome-about = Welcome to { $host }.
welcome-mailbox = Your mailbox is { $address }. Its password is the one that you chose.
welcome-sign-in = To set things up, sign in as { $contact } with the password that you { $password ->
    [known] have there already
   *[chosen] chose
}: { $link }
welcome-domain = { $domain } takes mail once it is proven to be yours: you find the records to publish where you sign in.
welcome-domain-failed = { $domain } could not be set up. You find out why when you add it where you sign in.
welcome-slow = At first you can write to some people a day only; that grows by itself within days.

# Money.
coming = { $stage ->
    [GRACE] less is sent in a day
    [SUSPENDED] nothing is sent to others any more
    [READ_ONLY] nothing is sent and nothing new is made
    [CLOSING] nothing is received any more; reading and export go on
    [PURGING] everything is destroyed, not before this day
   *[other] something changes
}
reached = { $stage ->
    [GRACE] less is sent in a day
    [SUSPENDED] nothing is sent to others
    [READ_ONLY] nothing is sent and nothing new is made; reading, receiving and export go on
   *[other] something is different
}
billing-pay = Pay: { $link }
billing-unless = If nothing is paid:
trial-ending-subject = Your trial of { $tenant } ends
trial-ending-about = The trial of { $tenant } on { $host } ends on { $until }. From then on it is paid for.
trial-ending-do = See what it costs, or end it: { $link }
past-due-subject = A payment for { $tenant } is due
past-due-about = A payment for { $tenant } on { $host } was due on { $day } and was not made{ $owed }. Everything works as before.
ahead-subject = { $tenant }, if nothing is paid: { $change }
ahead-about = A payment for { $tenant } on { $host } has been due since { $day }{ $owed }.
reached-subject = { $tenant }: { $change }
reached-now = From now on { $change }.
reached-pay = Pay, and everything works again at once: { $link }
purge-subject = Everything of { $tenant } will be destroyed
purge-about = { $tenant } on { $host } is closed: nothing is sent or received.
purge-until = Until then you can read and export all of it.
purge-back = To take the closing back{ $owed }: { $link }
settled-subject = { $tenant } is paid
settled-about = What was due for { $tenant } on { $host } since { $day } is paid. Nothing is restricted because of it any more. Thank you.
reopened-subject = { $tenant } is open again
reopened-about = { $tenant } on { $host } was closed on { $day } and is open again; nothing is destroyed.
reopened-do = Subscriptions that ended with the closing are not bought again by themselves: { $link }
paid-subject = We received your payment for { $tenant }
paid-about = We received { $amount } for { $tenant } on { $host } on { $day }. Thank you.
paid-number = Invoice: { $number }
paid-do = See your invoices: { $link }
ending-subject = { $plan } of { $tenant } ends on { $day }
ending-about = { $plan } of { $tenant } on { $host } was ended: it goes on as before until { $until }, and is not paid for after that.
ending-do = Until then you can keep it after all: { $link }
ended-subject = { $plan } of { $tenant } has ended
ended-about = { $plan } of { $tenant } on { $host } ended on { $day }.
ended-do = To go on as before, choose a plan: { $link }
left = { $next ->
    [others] What is stored stays, and what else you have bought goes on.
    [free] What is stored stays. After the end you have the free plan, with its limits: nothing is lost, and nothing new is made beyond them.
   *[none] What is stored stays. After the end there is no plan: mail still comes in and can be read, nothing is sent, and nothing new is made until one is chosen.
}

# Exports.
export-of-tenant = all mailboxes of { $tenant }
export-asked-subject = An export of { $what } was asked for
export-asked-begins = { $by } asked for an export of { $what } on { $host }: all mail of it, in files. It is being made. You may destroy it here:
export-asked-waits = { $by } asked for an export of { $what } on { $host }: all mail of it, in files. It begins on { $at }. Until then you may cancel it here:
export-asked-unexpected = If you did not expect this, cancel it, and ask who asked for it; if that was you without knowing it, change your password.
export-ready-subject = The export of { $what } is ready
export-ready-about = The export of { $what } can be fetched until { $at }, then it is destroyed:
export-ready-unexpected = You sign in there; no link in this letter gives the files away.
export-failed-subject = The export of { $what } did not get further
export-failed-about = The export of { $what } did not get further. What stands in the way is said here, and there you let it go on:
export-by-program = A program of the organisation
export-asked-reason = The reason that was given: { $reason }
export-cancelled-subject = The export of { $what } was cancelled
export-cancelled-about = Somebody else who may do so cancelled the export of { $what } that you asked for. Nothing of it is left:
