-- +goose Up
-- Keys that sign SAML messages, and what an app that speaks SAML knows of a person.
CREATE TABLE saml_keys (id TEXT PRIMARY KEY, body TEXT NOT NULL, published BIGINT NOT NULL);
ALTER TABLE participants ADD COLUMN name_id TEXT NOT NULL DEFAULT '';
ALTER TABLE participants ADD COLUMN name_format TEXT NOT NULL DEFAULT '';
ALTER TABLE participants ADD COLUMN session_index TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE participants DROP COLUMN session_index;
ALTER TABLE participants DROP COLUMN name_format;
ALTER TABLE participants DROP COLUMN name_id;
DROP TABLE saml_keys;
