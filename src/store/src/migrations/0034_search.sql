-- Up to which event the words of messages are in the index, and by which rules they were taken from the text. Later events are
-- searched without it.
CREATE TABLE search_progress (
    id INTEGER PRIMARY KEY,
    upto INTEGER NOT NULL,
    rules INTEGER NOT NULL
) STRICT;

INSERT INTO search_progress (id, upto, rules) VALUES (1, 0, 1);

-- The words of an event, by its serial number. The text itself is in the events only.
-- SQLite only:
CREATE VIRTUAL TABLE search_words USING fts5 (words, content='', columnsize=0, detail=none, tokenize="ascii tokenchars '_'");

-- Words of a deleted event are overwritten at once, and not when parts of the index are merged.
-- SQLite only:
INSERT INTO search_words (search_words, rank) VALUES ('secure-delete', 1);

-- Parts of the index are merged a few pages at a time, in writes of their own, and not whenever a word is added: that would
-- hold the writer for long.
-- SQLite only:
INSERT INTO search_words (search_words, rank) VALUES ('automerge', 0);

-- SQLite only:
INSERT INTO search_words (search_words, rank) VALUES ('crisismerge', 1999);

-- PostgreSQL only:
CREATE TABLE search_words (
    event INTEGER NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (event)
);

-- PostgreSQL only:
CREATE INDEX search_words_by_word ON search_words USING gin (words);
