//! SUMMARY    PROXY protocol version 2: the client's address behind a load balancer.
//! STANDARDS  HAProxy PROXY protocol, version 2 (binary)
//! SECURITY   Read only on listeners that are told to expect it; without a valid header the connection is closed.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Address block and TLVs, bytes.
const BODY_BYTES_MAX: usize = 2048;

/// Reads the header. `None`: a LOCAL connection (health check) or one without addresses, the peer's own stands.
pub(crate) async fn read_header(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut head = [0u8; 16];
    stream.read_exact(&mut head).await?;
    let (signature, rest) = head.split_at(SIGNATURE.len());
    let [version_command, family, high, low] = *rest else { return Err(io::ErrorKind::InvalidData.into()) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if signature != SIGNATURE || version_command >> 4 != 2 || length > BODY_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0u8; length];
    stream.read_exact(&mut body).await?;
    match version_command & 15 {
        0 => Ok(None),
        // UNSPEC: the sender knows no address; the connection's own counts (section 2.2).
        1 if family == 0 => Ok(None),
        1 => source(family, &body).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn source(family: u8, body: &[u8]) -> Option<SocketAddr> {
    let port = |at: usize| Some(u16::from_be_bytes(body.get(at..at + 2)?.try_into().ok()?));
    match family {
        0x11 => {
            let ip: [u8; 4] = body.get(..4)?.try_into().ok()?;
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(ip)), port(8)?))
        }
        0x21 => {
            let ip: [u8; 16] = body.get(..16)?.try_into().ok()?;
            Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(ip)), port(32)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let v4 = [192, 0, 2, 1, 10, 0, 0, 1, 0x30, 0x39, 0, 25];
        assert_eq!(source(0x11, &v4), Some("192.0.2.1:12345".parse().unwrap()));
        assert_eq!(source(0x11, &v4[..8]), None);
        assert_eq!(source(0x31, &v4), None);
    }
}
