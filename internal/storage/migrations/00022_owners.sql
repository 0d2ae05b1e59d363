-- +goose Up
-- Who answers for each app. primary_owner is the address in folded case; turned is the
-- version of the app that was looked at last. Where the counter app_owners is not apps, a
-- broker wrote an app that does not know of it.
CREATE TABLE app_owners (
  app TEXT PRIMARY KEY, name TEXT NOT NULL, primary_owner BYTEA NOT NULL, orphaned BIGINT NOT NULL DEFAULT 0, turned BIGINT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX app_owners_name ON app_owners (name);
CREATE INDEX app_owners_primary ON app_owners (primary_owner, name);
CREATE INDEX app_owners_orphaned ON app_owners (name) WHERE orphaned <> 0;
INSERT INTO counters (name, number) VALUES ('app_owners', -1);
-- What an event made of an app's owner.
CREATE TABLE app_owner_turns (cause TEXT NOT NULL, app TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (cause, app));
CREATE INDEX app_owner_turns_at ON app_owner_turns (at);
-- Which handlers are done with an event that is not, one on each line.
ALTER TABLE outbox ADD COLUMN done TEXT NOT NULL DEFAULT '';
-- The event by which a change was withdrawn.
ALTER TABLE admin_changes ADD COLUMN cause TEXT NOT NULL DEFAULT '';
CREATE INDEX admin_changes_cause ON admin_changes (cause) WHERE cause <> '';
CREATE INDEX families_ended_by ON families (ended_by) WHERE ended <> 0;
CREATE INDEX signal_sets_event ON signal_sets (event);
CREATE INDEX revocations_event ON revocations (event);

-- +goose Down
DROP INDEX revocations_event;
DROP INDEX signal_sets_event;
DROP INDEX families_ended_by;
DROP INDEX admin_changes_cause;
ALTER TABLE admin_changes DROP COLUMN cause;
ALTER TABLE outbox DROP COLUMN done;
DROP TABLE app_owner_turns;
DELETE FROM counters WHERE name = 'app_owners';
DROP TABLE app_owners;
