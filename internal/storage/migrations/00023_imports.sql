-- +goose Up
-- Files on their way into the directory. The place of a line is where it is looked at:
-- by kind, and then as in the file. A line's body goes when the import is over; who was
-- refused stays as long as the import does.
CREATE TABLE imports (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL, place BYTEA NOT NULL, created BIGINT NOT NULL, version BIGINT NOT NULL
);
CREATE INDEX imports_unfinished ON imports (id) WHERE state = 'checking' OR state = 'applying';
CREATE INDEX imports_created ON imports (created);
CREATE TABLE import_lines (
  import TEXT NOT NULL, place BYTEA NOT NULL, seq BIGINT NOT NULL, number BIGINT NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, ref TEXT NOT NULL,
  body TEXT NOT NULL, fault TEXT NOT NULL, PRIMARY KEY (import, place)
);
CREATE INDEX import_lines_refused ON import_lines (import, seq) WHERE outcome = 'refused';
-- What of a file is named by one line alone, and what by some: 16 bytes of a hash.
CREATE TABLE import_names (import TEXT NOT NULL, name BYTEA NOT NULL, place BYTEA NOT NULL, PRIMARY KEY (import, name));

-- +goose Down
DROP TABLE import_names;
DROP TABLE import_lines;
DROP TABLE imports;
