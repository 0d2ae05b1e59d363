package scim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// writeJSON writes what an answer says. A list that is a sequence is made while it goes
// out, so that an answer with very many members takes no more memory than they do.
func writeJSON(w *bufio.Writer, v any) error {
	switch v := v.(type) {
	case map[string]any:
		return writeObject(w, v)
	case []any:
		return writeList(w, slices.Values(v))
	case iter.Seq[any]:
		return writeList(w, v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	_, _ = w.Write(raw) // Flush tells of a failure
	return nil
}

func writeObject(w *bufio.Writer, of map[string]any) error {
	_ = w.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(of)) {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		if err := writeJSON(w, name); err != nil {
			return err
		}
		_ = w.WriteByte(':')
		if err := writeJSON(w, of[name]); err != nil {
			return err
		}
	}
	return w.WriteByte('}')
}

func writeList(w *bufio.Writer, all iter.Seq[any]) error {
	_ = w.WriteByte('[')
	first := true
	for e := range all {
		if !first {
			_ = w.WriteByte(',')
		}
		first = false
		if err := writeJSON(w, e); err != nil {
			return err
		}
	}
	return w.WriteByte(']')
}
