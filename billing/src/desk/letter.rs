//! SUMMARY    Letters about money to the contact elsewhere, and the dates they tell.
