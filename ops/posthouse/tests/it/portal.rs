//! SUMMARY    The portal at the HTTP port: there where it is configured, beside the API's routes.

use crate::node::Node;
use std::io::Read;

/// Head and body of an answer.
fn ask(node: &Node, request: &str) -> String {
    let mut http = node.connect("http");
    http.send(request).unwrap();
    let mut answer = String::new();
    http.0.read_to_string(&mut answer).unwrap();
    answer
}

fn get(node: &Node, path: &str) -> String {
    ask(node, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
}

#[test]
fn the_portal_is_there_where_it_is_configured_and_takes_no_route_of_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("data"), &[("POSTHOUSE_PORTAL", "https://mail.a.example")]);
    let landing = get(&node, "/");
    assert!(landing.starts_with("HTTP/1.1 200") && landing.contains("<h1>Mail for your organisation"), "{landing}");
    let cookie = landing.lines().find(|l| l.starts_with("set-cookie: __Host-posthouse=")).unwrap();
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(get(&node, "/healthz").ends_with("ok\n"));
    let graphql = ask(&node, "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert!(graphql.starts_with("HTTP/1.1 400"), "{graphql}");
    assert!(get(&node, "/scim/v2/Nothing").contains("urn:ietf:params:scim:api:messages:2.0:Error"));
    // A sign-in goes through to the API, which knows nobody yet.
    let page = get(&node, "/sign-in");
    let (_, rest) = page.split_once("name=\"form\" value=\"").unwrap();
    let token = rest.split('"').next().unwrap();
    let cookie = page.lines().find_map(|l| l.strip_prefix("set-cookie: ")?.split(';').next()).unwrap();
    let form = format!("form={token}&email=ann%40a.example&password=wrong+words");
    let post = |origin: &str| {
        ask(
            &node,
            &format!(
                "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\nCookie: {cookie}\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{form}",
                form.len()
            ),
        )
    };
    let refused = post("https://mail.a.example");
    assert!(refused.starts_with("HTTP/1.1 422") && refused.contains("The address, the password or the code is wrong."));
    assert!(post("https://evil.example").starts_with("HTTP/1.1 403"));
}

#[test]
fn without_its_address_there_is_no_portal() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("data"), &[]);
    assert!(get(&node, "/").starts_with("HTTP/1.1 404"));
    assert!(get(&node, "/sign-in").starts_with("HTTP/1.1 404"));
}
