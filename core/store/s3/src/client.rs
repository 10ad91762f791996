//! SUMMARY    Amazon's client, set up: one TLS, no repetitions of its own, nothing but credentials read from the environment, and these
//!            only where they are to be found there.
//! INVARIANTS Time limits and repetitions are `call`'s: one place decides, and counts.

use crate::options::{Checksum, Credentials, S3Options};
use aws_config::{default_provider::credentials::DefaultCredentialsChain, provider_config::ProviderConfig};
use aws_credential_types::provider::future;
use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Builder, Credentials as Given, ProvideCredentials, Region, RequestChecksumCalculation,
        ResponseChecksumValidation, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

fn http_client(options: &S3Options) -> Result<SharedHttpClient, String> {
    let mut trust = TrustStore::default();
    if let Some(pem) = &options.ca_pem {
        trust.add_pem_certificate(pem.clone());
    }
    let context = TlsContext::builder().with_trust_store(trust).build().map_err(|why| why.to_string())?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    Ok(builder.tls_context(context).build_https())
}

/// Credentials as the tools of Amazon find them, looked for when they are first needed; the client asks again before they end.
#[derive(Debug)]
struct Found {
    region: Region,
    http: SharedHttpClient,
    chain: OnceCell<DefaultCredentialsChain>,
}

impl ProvideCredentials for Found {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let config = ProviderConfig::without_region().with_http_client(self.http.clone());
            let build = || DefaultCredentialsChain::builder().configure(config).region(self.region.clone()).build();
            self.chain.get_or_init(build).await.provide_credentials().await
        })
    }
}

fn credentials(options: &S3Options, http: &SharedHttpClient) -> SharedCredentialsProvider {
    match &options.credentials {
        Credentials::Keys(keys) => {
            let session = keys.session.as_ref().map(|session| session.to_string());
            let given = Given::new(keys.access.as_str(), keys.secret.as_str(), session, None, "posthouse");
            SharedCredentialsProvider::new(given)
        }
        Credentials::Found => {
            let region = Region::new(options.region.clone());
            SharedCredentialsProvider::new(Found { region, http: http.clone(), chain: OnceCell::new() })
        }
    }
}

pub(crate) fn client(options: &S3Options) -> Result<Client, String> {
    let http = http_client(options)?;
    let checksums = match options.checksum {
        Checksum::Crc32c | Checksum::Sha256 => RequestChecksumCalculation::WhenSupported,
        Checksum::Md5 => RequestChecksumCalculation::WhenRequired,
    };
    let mut config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(options.region.clone()))
        .credentials_provider(credentials(options, &http))
        .force_path_style(options.path_style)
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(options.connect_max).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .request_checksum_calculation(checksums)
        .response_checksum_validation(ResponseChecksumValidation::WhenSupported);
    config.set_endpoint_url(options.endpoint.clone());
    Ok(Client::from_conf(config.build()))
}
