-- +goose Up
-- What apps are listed by: texts in folded case, and groups each on a line. Rows of
-- apps that an older broker wrote are made when apps are listed next, which is known
-- by the number that the set of apps had last.
CREATE TABLE app_facts (
  name TEXT PRIMARY KEY, app TEXT NOT NULL, version BIGINT NOT NULL, title TEXT NOT NULL, state TEXT NOT NULL, disabled BOOLEAN NOT NULL,
  team TEXT NOT NULL, owner TEXT NOT NULL, member_groups TEXT NOT NULL, words TEXT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL
);
CREATE INDEX app_facts_title ON app_facts (title, name);
CREATE INDEX app_facts_state ON app_facts (state, name);
CREATE INDEX app_facts_team ON app_facts (team, name);
CREATE INDEX app_facts_created ON app_facts (created, name);
CREATE INDEX app_facts_updated ON app_facts (updated, name);
INSERT INTO counters (name, number) VALUES ('app_facts', -1);

-- +goose Down
DELETE FROM counters WHERE name = 'app_facts';
DROP TABLE app_facts;
