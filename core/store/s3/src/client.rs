//! SUMMARY    Amazon's client, set up: one TLS, no repetitions of its own, nothing read from the environment.
//! INVARIANTS Time limits and repetitions are `call`'s: one place decides, and counts.

use crate::options::{Checksum, S3Options};
use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
        SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

fn http_client(options: &S3Options) -> Result<SharedHttpClient, String> {
    let mut trust = TrustStore::default();
    if let Some(pem) = &options.ca_pem {
        trust.add_pem_certificate(pem.clone());
    }
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|why| why.to_string())?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    Ok(builder.tls_context(context).build_https())
}

pub(crate) fn client(options: &S3Options) -> Result<Client, String> {
    let keys = &options.keys;
    let session = keys.session.as_ref().map(|session| session.to_string());
    let credentials = Credentials::new(keys.access.as_str(), keys.secret.as_str(), session, None, "posthouse");
    let checksums = match options.checksum {
        Checksum::Crc32c | Checksum::Sha256 => RequestChecksumCalculation::WhenSupported,
        Checksum::Md5 => RequestChecksumCalculation::WhenRequired,
    };
    let mut config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(options.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(options.path_style)
        .http_client(http_client(options)?)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(options.connect_max).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(checksums)
        .response_checksum_validation(ResponseChecksumValidation::WhenSupported);
    config.set_endpoint_url(options.endpoint.clone());
    Ok(Client::from_conf(config.build()))
}
