//! The index of one tenant: words by tantivy, vectors beside it, both in memory.

use std::collections::{BTreeMap, HashSet};

use parking_lot::{Mutex, RwLock};
use tantivy::collector::TopDocs;
use tantivy::directory::RamDirectory;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value as _,
};
use tantivy::{Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, TantivyDocument, TantivyError, Term};
use warbler_domain::{Chunk, ConversationId, Found, IndexedDocument, KnowledgeError, KnowledgeQuery};

use crate::rank::{self, Place};
use crate::words::{self, Words};

/// The tokenizer's name in the index.
const TOKENIZER: &str = "words";

/// What stands in place of a conversation for documents of the whole tenant.
const EVERYWHERE: &str = "*";

/// Memory for documents that are being indexed: the least that tantivy takes.
const WRITER: usize = 15_000_000;

/// Most words of a query that are looked for.
const MOST_WORDS: usize = 64;

/// Candidates that each of the two searches brings; the merge needs more than will be shown.
const CANDIDATES: usize = 50;

/// How much a word in the title outweighs one in the text.
const TITLE: f32 = 1.5;

/// A tenant's documents, findable.
pub(crate) struct TenantIndex {
    fields: Fields,
    index: Index,
    reader: IndexReader,
    /// One writer at a time; tantivy allows no more.
    writing: Mutex<()>,
    documents: RwLock<BTreeMap<String, Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    document: Field,
    number: Field,
    scope: Field,
    title: Field,
    text: Field,
}

struct Entry {
    title: String,
    conversation: Option<ConversationId>,
    chunks: Vec<Chunk>,
    /// The chunks' vectors, of length 1.
    vectors: Vec<Option<Vec<f32>>>,
}

impl TenantIndex {
    /// An index without documents.
    ///
    /// # Errors
    /// `Index`.
    pub(crate) fn new() -> Result<Self, KnowledgeError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default().set_tokenizer(TOKENIZER);
        // The text itself is kept beside the index, so it is not stored in it; positions would serve phrases only.
        let words =
            TextOptions::default().set_indexing_options(indexing.set_index_option(IndexRecordOption::WithFreqs));
        let fields = Fields {
            document: schema.add_text_field("document", STRING | STORED),
            number: schema.add_u64_field("number", INDEXED | STORED),
            scope: schema.add_text_field("scope", STRING),
            title: schema.add_text_field("title", words.clone()),
            text: schema.add_text_field("text", words),
        };
        let index = Index::create(RamDirectory::create(), schema.build(), IndexSettings::default()).map_err(failed)?;
        index.tokenizers().register(TOKENIZER, Words);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(failed)?;
        Ok(Self { fields, index, reader, writing: Mutex::new(()), documents: RwLock::default() })
    }

    /// Makes a document findable, in place of what had its identifier.
    ///
    /// # Errors
    /// `Index`.
    pub(crate) fn put(&self, document: IndexedDocument) -> Result<(), KnowledgeError> {
        let _alone = self.writing.lock();
        let scope = document.conversation.as_ref().map_or_else(|| EVERYWHERE.to_owned(), ToString::to_string);
        self.write(&document.id, |writer, fields| {
            for (number, chunk) in (0_u64..).zip(&document.chunks) {
                let mut entry = TantivyDocument::new();
                entry.add_text(fields.document, &document.id);
                entry.add_u64(fields.number, number);
                entry.add_text(fields.scope, &scope);
                // A heading says what the passage is about, as the title does.
                entry.add_text(fields.title, format!("{}\n{}", document.title, chunk.place));
                entry.add_text(fields.text, &chunk.text);
                writer.add_document(entry)?;
            }
            Ok(())
        })?;
        let vectors = document.chunks.iter().map(|chunk| rank::unit(chunk.vector.as_deref()?)).collect();
        let IndexedDocument { id, title, conversation, mut chunks } = document;
        for chunk in &mut chunks {
            chunk.vector = None;
        }
        self.documents.write().insert(id, Entry { title, conversation, chunks, vectors });
        self.reader.reload().map_err(failed)
    }

    /// Forgets a document.
    ///
    /// # Errors
    /// `Index`. It is not found any more even so.
    pub(crate) fn remove(&self, id: &str) -> Result<(), KnowledgeError> {
        let _alone = self.writing.lock();
        if self.documents.write().remove(id).is_none() {
            return Ok(());
        }
        self.write(id, |_, _| Ok(()))?;
        self.reader.reload().map_err(failed)
    }

    /// Replaces what is indexed under `id` by what `add` adds.
    fn write(
        &self,
        id: &str,
        add: impl FnOnce(&IndexWriter, Fields) -> Result<(), TantivyError>,
    ) -> Result<(), KnowledgeError> {
        // A writer holds threads and memory, so a tenant that only reads has none.
        let mut writer: IndexWriter = self.index.writer_with_num_threads(1, WRITER).map_err(failed)?;
        writer.delete_term(Term::from_field_text(self.fields.document, id));
        add(&writer, self.fields).map_err(failed)?;
        writer.commit().map_err(failed)?;
        writer.wait_merging_threads().map_err(failed)
    }

    /// Passages that answer `query`, best first.
    ///
    /// # Errors
    /// `Index`.
    pub(crate) fn search(&self, query: &KnowledgeQuery) -> Result<Vec<Found>, KnowledgeError> {
        let asked = words::asked(&query.text, MOST_WORDS);
        let near = query.vector.as_deref().and_then(rank::unit);
        let by_words = self.by_words(&asked, query.conversation)?;
        let by_nearness = near.as_deref().map_or_else(Vec::new, |near| self.by_nearness(near, query.conversation));
        let fused = rank::fuse(&[by_words, by_nearness]);
        let documents = self.documents.read();
        let mut found: Vec<Found> = fused
            .into_iter()
            .take(CANDIDATES)
            .filter_map(|((id, number), rank)| {
                let entry = documents.get(&id).filter(|entry| entry.is_for(query.conversation))?;
                let chunk = entry.chunks.get(number)?;
                let cosine =
                    near.as_deref().and_then(|near| rank::cosine(near, entry.vectors.get(number)?.as_deref()?));
                let answers = covered(&asked, entry, chunk).max(cosine.unwrap_or_default());
                Some(Found {
                    document: id,
                    title: entry.title.clone(),
                    place: chunk.place.clone(),
                    text: chunk.text.clone(),
                    // A rank alone cannot say that even the best is bad; how much of the query it meets can.
                    score: (rank * 0.5 + answers * 0.5).clamp(0.0, 1.0),
                })
            })
            .collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        found.truncate(query.limit);
        Ok(found)
    }

    fn by_words(&self, asked: &[String], conversation: Option<ConversationId>) -> Result<Vec<Place>, KnowledgeError> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let term = |field, word: &str, option| -> Box<dyn Query> {
            Box::new(TermQuery::new(Term::from_field_text(field, word), option))
        };
        let mut any: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for word in asked {
            any.push((Occur::Should, term(self.fields.text, word, IndexRecordOption::WithFreqs)));
            let in_title = term(self.fields.title, word, IndexRecordOption::WithFreqs);
            any.push((Occur::Should, Box::new(BoostQuery::new(in_title, TITLE))));
        }
        let own = conversation.map(|conversation| conversation.to_string());
        let scopes = std::iter::once(EVERYWHERE).chain(own.as_deref());
        let scopes = scopes.map(|scope| (Occur::Should, term(self.fields.scope, scope, IndexRecordOption::Basic)));
        // Where a passage may be seen must not change how well it answers.
        let scopes = BoostQuery::new(Box::new(BooleanQuery::new(scopes.collect())), 0.0);
        let both: Vec<(Occur, Box<dyn Query>)> =
            vec![(Occur::Must, Box::new(BooleanQuery::new(any))), (Occur::Must, Box::new(scopes))];
        let searcher = self.reader.searcher();
        let top = TopDocs::with_limit(CANDIDATES).order_by_score();
        let hits = searcher.search(&BooleanQuery::new(both), &top).map_err(failed)?;
        let mut places = Vec::with_capacity(hits.len());
        for (_, address) in hits {
            let hit: TantivyDocument = searcher.doc(address).map_err(failed)?;
            let document = hit.get_first(self.fields.document).and_then(|value| value.as_str());
            let number = hit.get_first(self.fields.number).and_then(|value| value.as_u64());
            if let (Some(document), Some(number)) = (document, number) {
                places.push((document.to_owned(), usize::try_from(number).unwrap_or(usize::MAX)));
            }
        }
        Ok(places)
    }

    fn by_nearness(&self, near: &[f32], conversation: Option<ConversationId>) -> Vec<Place> {
        let documents = self.documents.read();
        let mut nearest: Vec<(f32, Place)> = Vec::new();
        for (id, entry) in documents.iter().filter(|(_, entry)| entry.is_for(conversation)) {
            for (number, vector) in entry.vectors.iter().enumerate() {
                let cosine = vector.as_deref().and_then(|vector| rank::cosine(near, vector));
                // What points the other way is not an answer.
                nearest.extend(cosine.filter(|cosine| *cosine > 0.0).map(|cosine| (cosine, (id.clone(), number))));
            }
        }
        nearest.sort_by(|a, b| b.0.total_cmp(&a.0));
        nearest.into_iter().take(CANDIDATES).map(|(_, place)| place).collect()
    }
}

impl Entry {
    fn is_for(&self, conversation: Option<ConversationId>) -> bool {
        self.conversation.is_none_or(|own| Some(own) == conversation)
    }
}

/// How much of what was asked stands in the passage, its title or its heading; rare and long words are not
/// weighed more, since in a small collection rarity says little.
fn covered(asked: &[String], entry: &Entry, chunk: &Chunk) -> f32 {
    if asked.is_empty() {
        return 0.0;
    }
    let there: HashSet<String> =
        [&entry.title, &chunk.place, &chunk.text].iter().flat_map(|text| words::words(text)).collect();
    let met = asked.iter().filter(|word| there.contains(*word)).count();
    // At most 64 words.
    #[allow(clippy::cast_precision_loss)]
    let share = met as f32 / asked.len() as f32;
    share
}

#[allow(clippy::needless_pass_by_value)] // It stands in `map_err`.
fn failed(error: TantivyError) -> KnowledgeError {
    KnowledgeError::Index { text: error.to_string() }
}
