//! SUMMARY    What every `Bus` keeps: topics are apart, every subscriber hears, what does not fit is said to be lost.
//! INVARIANTS No order, no delivery exactly once and no silence before a subscription takes effect is asked for: publishers
//!            repeat until they are heard, and the time limit is the only measure of "never".

use super::{Failure, Outcome, ensure};
use crate::bus::{Bus, Hint, Subscription};
use base::limits::HINTS_PENDING_MAX;
use bytes::Bytes;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a message may take until it is missing.
const HEARD_WITHIN: Duration = Duration::from_secs(20);
/// Time between two messages that say the same.
const REPEAT: Duration = Duration::from_millis(20);
/// How long silence has to last to be believed.
const SILENCE: Duration = Duration::from_millis(200);
const SUBSCRIBERS: usize = 20;

/// Runs every check on fresh topics; `make` gives one node of the bus at each call.
pub async fn bus<B: Bus + ?Sized, F: Fn() -> Arc<B>>(make: F) -> Outcome {
    let (here, there) = (make(), make());
    healthy(&*here).await?;
    healthy(&*there).await?;
    nodes_hear_each_other(&*here, &*there).await?;
    topics_are_apart(&*here, &*there).await?;
    every_subscriber_hears(&*here, &*there).await?;
    any_bytes(&*here, &*there).await?;
    overflow_is_told(&*here, &*there).await?;
    who_comes_again_hears_again(&*here, &*there).await
}

async fn healthy<B: Bus + ?Sized>(bus: &B) -> Outcome {
    let began = Instant::now();
    while let Err(why) = bus.health().await {
        ensure(began.elapsed() < HEARD_WITHIN, format!("{} is not healthy: {why}", bus.name()))?;
        tokio::time::sleep(REPEAT).await;
    }
    Ok(())
}

async fn next(subscription: &mut dyn Subscription) -> Result<Option<Hint>, Failure> {
    match tokio::time::timeout(REPEAT, subscription.next()).await {
        Ok(Some(hint)) => Ok(Some(hint)),
        Ok(None) => Err("a subscription ended".into()),
        Err(_) => Ok(None),
    }
}

/// Publishes until every one of the subscribers got the message and nothing else of other content.
async fn heard<B: Bus + ?Sized>(
    from: &B,
    topic: &[u8],
    message: &[u8],
    by: &mut [Box<dyn Subscription>],
    rule: &str,
) -> Outcome {
    let began = Instant::now();
    let message = Bytes::copy_from_slice(message);
    let mut missing: Vec<&mut Box<dyn Subscription>> = by.iter_mut().collect();
    while !missing.is_empty() {
        ensure(began.elapsed() < HEARD_WITHIN, format!("{rule}: {} did not hear", missing.len()))?;
        from.publish(topic, message.clone());
        let mut still = Vec::new();
        for subscription in missing {
            match next(&mut **subscription).await? {
                Some(Hint::Message(got)) => ensure(got == message, format!("{rule}: heard {got:?}"))?,
                Some(Hint::Lost) | None => still.push(subscription),
            }
        }
        missing = still;
    }
    Ok(())
}

/// Takes what is under way until nothing comes any more.
async fn drain(subscription: &mut dyn Subscription) -> Result<Vec<Hint>, Failure> {
    let mut got = Vec::new();
    while let Ok(hint) = tokio::time::timeout(SILENCE, subscription.next()).await {
        got.push(hint.ok_or("a subscription ended")?);
        ensure(got.len() < 10_000, "a subscription never falls silent")?;
    }
    Ok(got)
}

async fn nodes_hear_each_other<B: Bus + ?Sized>(here: &B, there: &B) -> Outcome {
    let mut both = [here.subscribe(b"conformance/both"), there.subscribe(b"conformance/both")];
    heard(here, b"conformance/both", b"from here", &mut both, "the other node and the own hear").await?;
    for subscription in &mut both {
        drain(&mut **subscription).await?;
    }
    heard(there, b"conformance/both", b"from there", &mut both, "and the other way round").await
}

async fn topics_are_apart<B: Bus + ?Sized>(here: &B, there: &B) -> Outcome {
    let names: [&[u8]; 4] = [b"conformance/a", b"conformance/b", b"conformance/a/b", b"conformance/*"];
    let mut by: Vec<_> = names.iter().map(|name| [there.subscribe(name)]).collect();
    for (name, by) in names.iter().zip(&mut by) {
        heard(here, name, name, by, "a topic hears its own").await?;
    }
    for (name, [subscription]) in names.iter().zip(&mut by) {
        for hint in drain(&mut **subscription).await? {
            let is_own = hint == Hint::Lost || hint == Hint::Message(Bytes::copy_from_slice(name));
            ensure(is_own, format!("{name:?} heard {hint:?}"))?;
        }
    }
    Ok(())
}

async fn every_subscriber_hears<B: Bus + ?Sized>(here: &B, there: &B) -> Outcome {
    let mut many: Vec<_> = (0..SUBSCRIBERS).map(|_| there.subscribe(b"conformance/many")).collect();
    heard(here, b"conformance/many", b"all of you", &mut many, "every subscriber hears").await?;
    // Half of them leave: the others go on.
    many.truncate(SUBSCRIBERS / 2);
    for subscription in &mut many {
        drain(&mut **subscription).await?;
    }
    heard(here, b"conformance/many", b"who is left", &mut many, "who stays hears on").await
}

async fn any_bytes<B: Bus + ?Sized>(here: &B, there: &B) -> Outcome {
    let (all, long): (Vec<u8>, Vec<u8>) = ((0..=255).collect(), vec![b'x'; 1_000]);
    for topic in [all.as_slice(), &long, b"", b"conformance with. blanks >"] {
        let mut by = [there.subscribe(topic)];
        heard(here, topic, &all, &mut by, "topics and messages are any bytes").await?;
        heard(here, topic, &all, &mut by, "twice").await?;
        drain(&mut *by[0]).await?;
        heard(here, topic, b"", &mut by, "a message may be empty").await?;
    }
    Ok(())
}

async fn overflow_is_told<B: Bus + ?Sized>(here: &B, there: &B) -> Outcome {
    let mut slow = there.subscribe(b"conformance/slow");
    heard(here, b"conformance/slow", b"first", std::slice::from_mut(&mut slow), "before the flood").await?;
    drain(&mut *slow).await?;
    let began = Instant::now();
    loop {
        for n in 0..HINTS_PENDING_MAX * 20 {
            here.publish(b"conformance/slow", Bytes::from(format!("{n}")));
        }
        tokio::time::sleep(SILENCE).await;
        if drain(&mut *slow).await?.contains(&Hint::Lost) {
            break;
        }
        ensure(began.elapsed() < HEARD_WITHIN, "who does not listen is told that messages were lost")?;
    }
    heard(here, b"conformance/slow", b"after", std::slice::from_mut(&mut slow), "and hears on").await
}

async fn who_comes_again_hears_again<B: Bus + ?Sized>(here: &B, there: &B) -> Outcome {
    for n in 0..5 {
        let mut by = [there.subscribe(b"conformance/again")];
        heard(here, b"conformance/again", format!("{n}").as_bytes(), &mut by, "who comes again hears").await?;
        drain(&mut *by[0]).await?;
    }
    Ok(())
}
