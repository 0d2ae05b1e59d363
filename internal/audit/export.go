package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Export writes the entries that match q as JSON lines, newest first, and returns
// how many it wrote. q.Limit is the size of a page, not of the export.
func Export(ctx context.Context, store Store, q Query, w io.Writer) (int, error) {
	enc, n := json.NewEncoder(w), 0
	for {
		entries, next, err := store.Page(ctx, q)
		if err != nil {
			return n, fmt.Errorf("export the audit log: %w", err)
		}
		for _, e := range entries {
			if err := enc.Encode(e); err != nil {
				return n, fmt.Errorf("export the audit log: %w", err)
			}
			n++
		}
		if next == "" {
			return n, nil
		}
		q.After = next
	}
}
