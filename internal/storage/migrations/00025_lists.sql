-- +goose Up
-- What of an app's assignments is for groups and attributes, without those of very many
-- people; those to a group that have ended, too; and streams in the order of their list.
CREATE INDEX assignments_rules ON assignments (app, id) WHERE kind <> 'person';
CREATE INDEX assignments_of_group ON assignments (connection, group_id, id) WHERE kind = 'group';
DROP INDEX assignments_group;
CREATE INDEX signal_streams_created ON signal_streams (created, id);

-- +goose Down
DROP INDEX signal_streams_created;
CREATE INDEX assignments_group ON assignments (connection, group_id) WHERE kind = 'group' AND ended = 0;
DROP INDEX assignments_of_group;
DROP INDEX assignments_rules;
