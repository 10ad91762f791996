//! SUMMARY    Holds over the API: placed, explained, released.

use crate::plane::Desk;

#[tokio::test]
async fn h5_the_api_says_why_something_is_not_allowed_and_what_to_do() {
    let desk = Desk::new().await;
    let (_, token, mailbox) = desk.customer("alpha").await;
    let place = format!(
        "mutation {{ r: holdPlace(input: {{ subjectId: \"{mailbox}\", kind: SECURITY, code: \"PASSWORD_LEAKED\", \
         reason: \"The password was seen elsewhere.\", nextStep: \"Set another one.\", blocks: [SEND_EXTERNAL] }}) \
         {{ hold {{ id kind blocks subjectId nextStep }} userErrors {{ message code }} }} }}"
    );
    let hold = desk.done(&token, &place).await["hold"].clone();
    assert_eq!((&hold["kind"], &hold["subjectId"]), (&"SECURITY".into(), &mailbox.as_str().into()));
    assert_eq!(hold["blocks"], serde_json::json!(["SEND_EXTERNAL", "PURGE_ALLOWED"]));
    let ask = format!(
        "{{ r: capabilities(subjectId: \"{mailbox}\") {{ explanation states {{ capability allowed reasons {{ code }} }} }} }}"
    );
    let told = desk.ask(&token, &ask).await["data"]["r"].clone();
    assert_eq!(told["explanation"], "The password was seen elsewhere. (PASSWORD_LEAKED) Set another one.");
    let states = told["states"].as_array().unwrap();
    let state = |name: &str| states.iter().find(|s| s["capability"] == name).unwrap().clone();
    assert_eq!(state("SEND_EXTERNAL")["reasons"][0]["code"], "PASSWORD_LEAKED");
    assert_eq!((&state("SEND_EXTERNAL")["allowed"], &state("MAIL_READ")["allowed"]), (&false.into(), &true.into()));
    let id = hold["id"].as_str().unwrap();
    let release = format!("mutation {{ r: holdRelease(input: {{ holdId: \"{id}\" }}) {{ userErrors {{ code }} }} }}");
    desk.done(&token, &release).await;
    assert_eq!(desk.ask(&token, &ask).await["data"]["r"]["explanation"], "");
    assert_eq!(desk.refused(&token, &release).await, "NOT_FOUND");
}
