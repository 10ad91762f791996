//! SUMMARY    This room is opened by its first part.
