//! The knowledge base: reads documents, splits them, indexes and finds passages. What is kept, and for whom, does not live here.
