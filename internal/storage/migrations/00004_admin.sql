-- +goose Up
CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY, hash BYTEA NOT NULL UNIQUE, body TEXT NOT NULL, created BIGINT NOT NULL, last_used BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE role_assignments (
  person TEXT NOT NULL REFERENCES people (id), role TEXT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (person, role)
);
-- What people are found and sorted by. A row of a broker that does not know the
-- column has it empty, until a job of one that does fills it in.
ALTER TABLE people ADD COLUMN folded TEXT NOT NULL DEFAULT '';
CREATE INDEX people_folded ON people (folded, id);

-- +goose Down
DROP INDEX people_folded;
ALTER TABLE people DROP COLUMN folded;
DROP TABLE role_assignments;
DROP TABLE api_tokens;
