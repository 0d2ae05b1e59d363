package backup_test

import (
	"bytes"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/backup"
)

// FuzzReader reads lines that a key holder may have made: whatever they are, they
// are taken as a whole or refused as no backup.
func FuzzReader(f *testing.F) {
	for _, text := range []string{
		"", "{}\n", `{"format":1}` + "\n" + `{"end":{}}` + "\n",
		`{"format":1,"migration":3}` + "\n" + `{"table":"a","columns":[{"name":"x","kind":"text"},{"name":"y","kind":"bytes"}]}` + "\n" + `["a","AA=="]` + "\n" +
			`[{"raw":"/w=="},null]` + "\n" + `{"end":{"a":2}}` + "\n",
		`{"format":1}` + "\n" + "[1]\n" + `{"table":"","columns":null}` + "\n" + "[]\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := backup.NewReader(bytes.NewReader(text))
		if err != nil {
			return
		}
		var s seen
		counts, err := r.Each(&s)
		if err != nil {
			return
		}
		var total int64
		for _, n := range counts {
			total += n
		}
		if total != int64(len(s.rows)) {
			t.Errorf("%d rows were told of and %d handed out", total, len(s.rows))
		}
	})
}
