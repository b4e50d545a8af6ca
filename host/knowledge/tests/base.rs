//! The knowledge base as the service uses it: what is read is found, by whom it may be, and by nobody else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;
use warbler_domain::{
    ByteSize, Chunk, ConversationId, Found, IndexedDocument, Knowledge, KnowledgeError, KnowledgeQuery, TenantId,
    TenantScope,
};
use warbler_knowledge::{KnowledgeBase, KnowledgeOptions};

fn scope(tenant: u8) -> TenantScope {
    TenantScope::own_work(TenantId::from_uuid(Uuid::from_u128(u128::from(tenant) + 1)))
}

fn conversation(number: u8) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(u128::from(number) + 1000))
}

fn query(text: &str) -> KnowledgeQuery {
    KnowledgeQuery { text: text.into(), vector: None, conversation: None, limit: 5 }
}

fn document(id: &str, title: &str, texts: &[&str]) -> IndexedDocument {
    let chunks = texts.iter().map(|text| Chunk { place: String::new(), text: (*text).into(), vector: None }).collect();
    IndexedDocument { id: id.into(), title: title.into(), conversation: None, chunks }
}

async fn handbook() -> KnowledgeBase {
    let base = KnowledgeBase::new();
    let markdown = "# 员工手册\n\n## 年假\n\n入职满一年的员工每年享有十天带薪年假，申请须提前三个工作日提交。\n\n\
        ## 报销\n\n差旅费用凭发票在三十天内报销，超过期限不予受理。\n\n\
        # Refunds\n\nCustomers get their money back within fourteen days if the parcel is unopened.\n\n\
        # Warranty\n\nThe warranty covers two years; batteries are covered for six months.\n";
    let chunks = base.read("text/markdown; charset=utf-8", Bytes::from_static(markdown.as_bytes())).await.unwrap();
    let handbook = IndexedDocument { id: "handbook".into(), title: "Handbook".into(), conversation: None, chunks };
    base.put(&scope(0), handbook).await.unwrap();
    base
}

async fn best(base: &KnowledgeBase, text: &str) -> Found {
    let found = base.search(&scope(0), query(text)).await.unwrap();
    assert!(found.iter().all(|found| (0.0..=1.0).contains(&found.score)), "{found:?}");
    assert!(found.is_sorted_by(|a, b| a.score >= b.score), "{found:?}");
    found.into_iter().next().unwrap_or_else(|| panic!("nothing was found for {text}"))
}

#[tokio::test]
async fn questions_in_chinese_and_english_find_their_sections() {
    let base = handbook().await;
    assert_eq!(best(&base, "请问年假怎么申请？").await.place, "员工手册 › 年假");
    assert_eq!(best(&base, "出差发票多久之内要报销").await.place, "员工手册 › 报销");
    assert_eq!(best(&base, "How do I get a REFUND for an unopened parcel").await.place, "Refunds");
    assert_eq!(best(&base, "battery warranties").await.place, "Warranty");
}

#[tokio::test]
async fn what_no_document_tells_finds_nothing() {
    let base = handbook().await;
    for text in ["量子力学", "What is the capital of Mongolia?", "", "？！"] {
        assert_eq!(base.search(&scope(0), query(text)).await.unwrap(), [], "{text}");
    }
}

#[tokio::test]
async fn a_document_that_is_put_again_replaces_itself_and_one_that_is_removed_is_gone() {
    let base = KnowledgeBase::new();
    base.put(&scope(0), document("a", "Prices", &["Apples cost five.", "Pears cost six."])).await.unwrap();
    base.put(&scope(0), document("a", "Prices", &["Plums cost seven."])).await.unwrap();
    assert_eq!(base.search(&scope(0), query("apples pears")).await.unwrap(), []);
    assert_eq!(best(&base, "plums").await.text, "Plums cost seven.");
    base.remove(&scope(0), "a").await.unwrap();
    base.remove(&scope(0), "a").await.unwrap();
    assert_eq!(base.search(&scope(0), query("plums")).await.unwrap(), []);
}

#[tokio::test]
async fn a_tenant_that_is_forgotten_has_no_documents() {
    let base = handbook().await;
    base.forget(&scope(0));
    assert_eq!(base.search(&scope(0), query("warranty")).await.unwrap(), []);
}

#[tokio::test]
async fn vectors_find_what_words_do_not_and_both_together_come_first() {
    let base = KnowledgeBase::new();
    let chunk =
        |text: &str, vector: [f32; 2]| Chunk { place: String::new(), text: text.into(), vector: Some(vector.into()) };
    let mut pets = document("pets", "Pets", &[]);
    pets.chunks =
        vec![chunk("Cats sleep.", [1.0, 0.0]), chunk("Dogs bark.", [0.0, 1.0]), chunk("Both eat.", [0.7, 0.7])];
    base.put(&scope(0), pets).await.unwrap();
    let ask = |text: &str, vector: Vec<f32>| KnowledgeQuery { vector: Some(vector), ..query(text) };
    let found = base.search(&scope(0), ask("felines", vec![1.0, 0.1])).await.unwrap();
    assert_eq!(found[0].text, "Cats sleep.");
    let found = base.search(&scope(0), ask("who can bark", vec![0.1, 1.0])).await.unwrap();
    assert_eq!(found[0].text, "Dogs bark.");
    // A query of another model is answered by words alone.
    let found = base.search(&scope(0), ask("bark", vec![1.0, 0.0, 0.0])).await.unwrap();
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_document_past_the_limits_is_refused_by_the_limit() {
    let options = KnowledgeOptions { max_document: ByteSize::kib(1), max_text: ByteSize(100), ..Default::default() };
    let base = KnowledgeBase::with_options(options);
    let read = |length: usize| base.read("text/plain", Bytes::from("word ".repeat(length / 5)));
    assert_eq!(read(2000).await, Err(KnowledgeError::TooLong { limit: 1024 }));
    assert_eq!(read(500).await, Err(KnowledgeError::TooLong { limit: 100 }));
    assert!(read(50).await.is_ok());
}

#[tokio::test]
async fn other_types_and_empty_documents_are_refused() {
    let base = KnowledgeBase::new();
    let error = base.read("application/zip", Bytes::from_static(b"PK")).await.unwrap_err();
    assert_eq!(error, KnowledgeError::Unsupported { media_type: "application/zip".into() });
    let error = base.read("text/html", Bytes::from_static(b"<p> </p>")).await.unwrap_err();
    assert!(matches!(error, KnowledgeError::Unreadable { .. }), "{error}");
}

/// A PDF of one line of text on each page, written as ISO 32000-1 asks.
fn pdf(pages: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", 4 + page * 2)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    for (number, text) in pages.iter().enumerate() {
        let stream = format!("BT /F1 12 Tf 72 700 Td ({text}) Tj ET");
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>",
            5 + number * 2
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()));
    }
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", number + 1).bytes());
    }
    let start = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    file.extend(offsets.iter().flat_map(|offset| format!("{offset:010} 00000 n \n").into_bytes()));
    file.extend(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).bytes());
    file
}

#[tokio::test]
async fn a_pdf_is_found_by_its_page() {
    let base = KnowledgeBase::new();
    let file = pdf(&["Opening hours are nine to five.", "The cloakroom is in the cellar."]);
    let chunks = base.read("application/pdf", file.into()).await.unwrap();
    base.put(&scope(0), IndexedDocument { id: "p".into(), title: "House".into(), conversation: None, chunks })
        .await
        .unwrap();
    assert_eq!(best(&base, "where is the cloakroom").await.place, "p. 2");
}

#[tokio::test]
async fn a_broken_pdf_is_an_error_and_the_next_one_is_read() {
    let base = KnowledgeBase::new();
    let whole = pdf(&["Opening hours"]);
    for broken in [&b"no pdf"[..], b"%PDF-1.4\n%%EOF", &whole[..whole.len() / 2]] {
        let error = base.read("application/pdf", Bytes::copy_from_slice(broken)).await.unwrap_err();
        assert!(matches!(error, KnowledgeError::Unreadable { .. }), "{error}");
    }
    assert!(base.read("application/pdf", whole.into()).await.is_ok());
}

#[test]
fn the_reader_in_a_process_of_its_own_answers_with_pages() {
    let mut answer = Vec::new();
    warbler_knowledge::read_pdf(&*pdf(&["one", "two"]), &mut answer).unwrap();
    let pages: Vec<String> = serde_json::from_slice(&answer).unwrap();
    assert_eq!(pages.iter().map(|page| page.trim()).collect::<Vec<_>>(), ["one", "two"]);
}

#[derive(Debug, Clone)]
struct Placed {
    tenant: u8,
    id: u8,
    conversation: Option<u8>,
}

fn placed() -> impl Strategy<Value = Placed> {
    (0..2_u8, 0..4_u8, proptest::option::of(0..2_u8)).prop_map(|(tenant, id, conversation)| Placed {
        tenant,
        id,
        conversation,
    })
}

proptest! {
    // Each case writes a dozen small indexes.
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever is put, replaced and removed: a search finds exactly what its tenant and conversation may see.
    #[test]
    fn nobody_finds_what_belongs_to_another_tenant_or_conversation(
        steps in proptest::collection::vec((placed(), any::<bool>()), 1..10),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let base = KnowledgeBase::new();
            let mut there: BTreeMap<(u8, u8), Option<u8>> = BTreeMap::new();
            for (placed, stays) in steps {
                let id = placed.id.to_string();
                if stays {
                    let mut put = document(&id, "Secret plan", &["the secret plan 秘密计划"]);
                    put.chunks[0].vector = Some(vec![1.0, 0.5]);
                    put.conversation = placed.conversation.map(conversation);
                    base.put(&scope(placed.tenant), put).await.unwrap();
                    there.insert((placed.tenant, placed.id), placed.conversation);
                } else {
                    base.remove(&scope(placed.tenant), &id).await.unwrap();
                    there.remove(&(placed.tenant, placed.id));
                }
            }
            for tenant in 0..3 {
                for from in [None, Some(0), Some(1), Some(2)] {
                    let ask = KnowledgeQuery {
                        text: "secret 秘密".into(),
                        vector: Some(vec![1.0, 0.5]),
                        conversation: from.map(conversation),
                        limit: 50,
                    };
                    let mut found: Vec<String> =
                        base.search(&scope(tenant), ask).await.unwrap().into_iter().map(|found| found.document).collect();
                    found.sort();
                    let may = there.iter().filter(|((owner, _), kept)| *owner == tenant && (kept.is_none() || **kept == from));
                    let expected: Vec<String> = may.map(|((_, id), _)| id.to_string()).collect();
                    assert_eq!(found, expected, "tenant {tenant}, conversation {from:?}");
                }
            }
        });
    }
}
