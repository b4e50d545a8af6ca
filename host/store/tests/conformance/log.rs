//! The log: sequences, order, reading both ways, amendments.

use std::collections::HashMap;

use warbler_domain::{Amend, Append, Audience, Event, EventKind, Position, Sequence, StoreError, UserId};

use crate::host::{Host, conversation, event, key, post, text, texts};
use crate::on_every_backend;

on_every_backend! {
    an_event_reads_back_as_it_was_appended,
    sequences_have_no_gaps_however_many_write_at_once,
    one_writer_s_events_stay_in_the_order_it_wrote_them,
    an_empty_conversation_has_head_0_and_no_events,
    reading_both_ways_keeps_to_its_borders,
    a_tenant_s_log_has_every_event_once_in_the_order_of_commits,
    a_tenant_s_log_reads_in_any_pages_however_it_was_grouped,
    an_amendment_shows_in_every_later_read_and_keeps_its_place,
    amending_a_place_that_is_not_taken_changes_nothing,
    an_event_past_the_limit_is_refused_and_takes_no_place,
    what_was_appended_is_there_after_the_store_was_closed_and_opened,
    a_closed_store_takes_nothing_more,
    what_waits_when_a_store_closes_is_committed_or_refused_never_lost,
}

async fn an_event_reads_back_as_it_was_appended(host: Host) {
    let only = Audience::Only(UserId::from_uuid(uuid::Uuid::from_u128(3)));
    for (number, kind) in [
        event(conversation(1), "你好, world \u{0} \u{10ffff}").kind,
        EventKind::Joined { user: UserId::from_uuid(uuid::Uuid::from_u128(3)) },
        EventKind::Renamed { title: String::new() },
    ]
    .into_iter()
    .enumerate()
    {
        let appended = Event { kind, audience: only, ..event(conversation(1), "") };
        let committed = host.append(Append::event(appended.clone())).await;
        let expected = Event { sequence: Sequence(number as u64 + 1), ..appended };
        assert_eq!(*committed.event, expected);
        assert_eq!(*host.all(conversation(1)).await[number], expected);
    }
}

async fn sequences_have_no_gaps_however_many_write_at_once(host: Host) {
    let writers = (0..32_u128).map(|writer| {
        let (log, one) = (host.log.clone(), host.one);
        tokio::spawn(async move {
            for turn in 0..16 {
                log.append(&one, post(conversation(writer % 3), &format!("{writer} {turn}"))).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut seen = 0;
    for number in 0..3 {
        let events = host.all(conversation(number)).await;
        let sequences: Vec<u64> = events.iter().map(|event| event.sequence.0).collect();
        assert_eq!(sequences, (1..=events.len() as u64).collect::<Vec<_>>());
        assert_eq!(host.log.head(&host.one, conversation(number)).await.unwrap().0, events.len() as u64);
        seen += events.len();
    }
    assert_eq!(seen, 32 * 16);
}

async fn one_writer_s_events_stay_in_the_order_it_wrote_them(host: Host) {
    let writers = (0..8_u128).map(|writer| {
        let (log, one) = (host.log.clone(), host.one);
        tokio::spawn(async move {
            for turn in 0..20 {
                log.append(&one, post(conversation(1), &format!("{writer}:{turn}"))).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut turns: HashMap<String, Vec<u32>> = HashMap::new();
    for event in host.all(conversation(1)).await {
        let (writer, turn) = text(&event).split_once(':').unwrap();
        turns.entry(writer.to_owned()).or_default().push(turn.parse().unwrap());
    }
    assert_eq!(turns.len(), 8);
    assert!(turns.values().all(|turns| *turns == (0..20).collect::<Vec<_>>()));
}

async fn an_empty_conversation_has_head_0_and_no_events(host: Host) {
    assert_eq!(host.log.head(&host.one, conversation(9)).await.unwrap(), Sequence(0));
    assert!(host.all(conversation(9)).await.is_empty());
    let before = host.log.read_before(&host.one, conversation(9), Sequence(u64::MAX), 9).await.unwrap();
    assert!(before.is_empty());
}

async fn reading_both_ways_keeps_to_its_borders(host: Host) {
    for number in 1..=9 {
        host.append(post(conversation(2), &number.to_string())).await;
        host.append(post(conversation(1), "before")).await;
        host.append(post(conversation(3), "behind")).await;
    }
    let after =
        async |after, limit| host.log.read_after(&host.one, conversation(2), Sequence(after), limit).await.unwrap();
    let before =
        async |before, limit| host.log.read_before(&host.one, conversation(2), Sequence(before), limit).await.unwrap();
    for (from, limit) in [(0, 3), (7, 100), (9, 100), (u64::MAX, 100), (0, 0)] {
        let lines = host.log.read_lines(&host.one, conversation(2), Sequence(from), limit).await.unwrap();
        let expected = after(from, limit).await;
        let json = expected.iter().map(|event| serde_json::to_string(event).unwrap() + "\n");
        assert_eq!(String::from_utf8(lines.text).unwrap(), json.collect::<String>(), "{from} {limit}");
        let places = expected.iter().map(|event| (event.sequence, event.at));
        assert!(lines.lines.iter().map(|line| (line.sequence, line.at)).eq(places), "{from} {limit}");
    }
    assert_eq!(texts(&after(0, 3).await), ["1", "2", "3"]);
    assert_eq!(texts(&after(7, 100).await), ["8", "9"]);
    assert!(after(9, 100).await.is_empty());
    assert!(after(u64::MAX, 100).await.is_empty());
    assert!(after(0, 0).await.is_empty());
    assert_eq!(texts(&before(u64::MAX, 2).await), ["9", "8"]);
    assert_eq!(texts(&before(3, 100).await), ["2", "1"]);
    assert!(before(1, 100).await.is_empty());
    assert!(before(0, 100).await.is_empty());
    assert!(before(9, 0).await.is_empty());
}

async fn a_tenant_s_log_has_every_event_once_in_the_order_of_commits(host: Host) {
    for number in 0..10_u32 {
        let committed = host.append(post(conversation((number % 3).into()), &number.to_string())).await;
        assert_eq!(committed.position, Position(u64::from(number) + 1));
    }
    let mut after = Position(0);
    let mut seen = Vec::new();
    loop {
        let page = host.log.read_tenant(&host.one, after, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.position;
        seen.extend(page.iter().map(|committed| text(&committed.event).to_owned()));
    }
    assert_eq!(seen, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(host.log.read_tenant(&host.one, Position(u64::MAX), 4).await.unwrap().is_empty());
}

async fn a_tenant_s_log_reads_in_any_pages_however_it_was_grouped(host: Host) {
    let writers: Vec<_> = (0..60_u128)
        .map(|writer| {
            let (log, one) = (host.log.clone(), host.one);
            tokio::spawn(async move {
                for turn in 0..3 {
                    log.append(&one, post(conversation(writer % 4), &format!("{writer} {turn}"))).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let whole = host.log.read_tenant(&host.one, Position(0), usize::MAX).await.unwrap();
    assert!(whole.iter().map(|committed| committed.position.0).eq(1..=180));
    for (after, limit) in [(0, 1), (1, 1), (17, 30), (90, 90), (90, 1000), (179, 5), (180, 5), (0, 0)] {
        let page = host.log.read_tenant(&host.one, Position(after), limit).await.unwrap();
        let after = usize::try_from(after).unwrap();
        assert_eq!(page, whole[after..(after + limit).min(180)]);
    }
}

async fn an_amendment_shows_in_every_later_read_and_keeps_its_place(host: Host) {
    for text in ["one", "two", "three"] {
        host.append(post(conversation(1), text)).await;
    }
    let edited = EventKind::Renamed { title: "the edit itself".to_owned() };
    let amend = Amend { sequence: Sequence(2), event: event(conversation(1), "TWO") };
    let append = Append {
        event: Event { kind: edited, ..event(conversation(1), "") },
        amend: Some(amend),
        ..post(conversation(1), "")
    };
    assert_eq!(host.append(append).await.event.sequence, Sequence(4));
    let events = host.all(conversation(1)).await;
    assert_eq!(texts(&events[..3]), ["one", "TWO", "three"]);
    assert_eq!(events[1].sequence, Sequence(2));
    let tenant = host.log.read_tenant(&host.one, Position(1), 1).await.unwrap();
    assert_eq!((text(&tenant[0].event), tenant[0].position), ("TWO", Position(2)));
}

async fn amending_a_place_that_is_not_taken_changes_nothing(host: Host) {
    host.append(post(conversation(1), "one")).await;
    let amend = Amend { sequence: Sequence(2), event: event(conversation(1), "two") };
    let append = Append { amend: Some(amend), ..post(conversation(1), "edit") };
    let refused = host.log.append(&host.one, append).await;
    assert!(matches!(refused, Err(StoreError::Missing { what: "event to amend" })), "{refused:?}");
    assert_eq!(host.log.head(&host.one, conversation(1)).await.unwrap(), Sequence(1));
}

async fn an_event_past_the_limit_is_refused_and_takes_no_place(host: Host) {
    let long = "x".repeat(1024 * 1024);
    let refused = host.log.append(&host.one, post(conversation(1), &long)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { limit: 1_048_576 })), "{refused:?}");
    assert_eq!(host.append(post(conversation(1), &long[..1_000_000])).await.event.sequence, Sequence(1));
    assert_eq!(text(&host.all(conversation(1)).await[0]).len(), 1_000_000);
}

async fn what_was_appended_is_there_after_the_store_was_closed_and_opened(host: Host) {
    for number in 0..20_u32 {
        host.append(post(conversation((number % 2).into()), &number.to_string())).await;
    }
    let (evens, odds) = (host.all(conversation(0)).await, host.all(conversation(1)).await);
    let Some(host) = host.reopened().await else { return };
    assert_eq!(host.log.head(&host.one, conversation(0)).await.unwrap(), Sequence(10));
    assert_eq!(host.all(conversation(0)).await, evens);
    assert_eq!(host.all(conversation(1)).await, odds);
    let next = host.append(post(conversation(1), "next")).await;
    assert_eq!((next.event.sequence, next.position), (Sequence(11), Position(21)));
}

async fn a_closed_store_takes_nothing_more(host: Host) {
    host.store.close().await;
    host.store.close().await;
    assert!(matches!(host.log.append(&host.one, post(conversation(1), "late")).await, Err(StoreError::Closed)));
    assert!(matches!(host.log.head(&host.one, conversation(1)).await, Err(StoreError::Closed)));
    assert!(matches!(host.state.get(&host.one, &key("a/b")).await, Err(StoreError::Closed)));
    assert!(matches!(host.state.commit(&host.one, Vec::new()).await, Err(StoreError::Closed)));
}

async fn what_waits_when_a_store_closes_is_committed_or_refused_never_lost(host: Host) {
    let writers: Vec<_> = (0..64_u32)
        .map(|number| {
            let (log, one) = (host.log.clone(), host.one);
            tokio::spawn(async move { log.append(&one, post(conversation(1), &number.to_string())).await })
        })
        .collect();
    let follow: Vec<_> = {
        let stream = host.log.follow();
        host.store.close().await;
        futures::StreamExt::collect(stream).await
    };
    let mut acknowledged = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => acknowledged += 1,
            Err(error) => assert!(matches!(error, StoreError::Closed), "{error:?}"),
        }
    }
    let followed: usize = follow.iter().map(|batch| batch.len()).sum();
    assert!(followed <= acknowledged, "{followed} were followed, and {acknowledged} acknowledged");
}
