-- +goose Up
-- What the sides of APIs agreed that an app gets. Apps that there are keep what their
-- manifests ask for today, since nobody was asked before; a release of theirs that asks
-- for more has to be agreed to. An older broker leaves the column alone.
ALTER TABLE apps ADD COLUMN agreements TEXT NOT NULL DEFAULT 'null';
UPDATE apps SET agreements = '[{"audience":"*","scope":"*","mode":"*","by":"system:upgrade"}]';

-- +goose Down
ALTER TABLE apps DROP COLUMN agreements;
