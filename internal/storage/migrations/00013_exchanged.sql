-- +goose Up
-- What the tokens that came out of exchanges have to do with (a person, an app, an
-- API), as hashes by the seal of their entries: facts has 8 bytes of each, sorted. A
-- row is written when the seal is counted, at the end of the table: an index by person
-- would cost each exchange more than its own entry.
CREATE TABLE exchanged (seal BIGINT PRIMARY KEY, newest TEXT NOT NULL, facts BYTEA NOT NULL);

-- +goose Down
DROP TABLE exchanged;
