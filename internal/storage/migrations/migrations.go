// Package migrations has the schema, change by change: one text for both engines, since
// SQLite takes PostgreSQL's type names. A change expands first and contracts a version
// later, so that two versions run side by side.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed *.sql
var files embed.FS

// Files are the changes, which are made in the order of their names.
func Files() fs.FS { return files }
