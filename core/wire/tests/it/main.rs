//! SUMMARY    Integration tests of the codecs, one binary; `harness` holds what the fuzz targets run as well.

mod smtp;
