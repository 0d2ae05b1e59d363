package porting_test

import (
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/porting"
)

// What is read of a line is read again from what is written of it.
func FuzzDecode(f *testing.F) {
	for line := range strings.Lines(whole) {
		f.Add(strings.TrimSpace(line))
	}
	f.Fuzz(func(t *testing.T, text string) {
		line, err := porting.Decode([]byte(text))
		if err != nil {
			return
		}
		raw, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		again, err := porting.Decode(raw)
		if err != nil || !reflect.DeepEqual(line, again) {
			t.Fatalf("%s: %v\n%+v\n%+v", raw, err, line, again)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add(whole)
	f.Add("\n\n{\"kind\":\"directory\",\"version\":1}\r\n\r\n{\"kind\":\"end\",\"lines\":4}")
	f.Fuzz(func(t *testing.T, text string) {
		in, last := porting.NewLines(strings.NewReader(text)), 1
		for {
			r, err := in.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) && porting.At(err, 0).Code == "internal" {
					t.Fatal(err)
				}
				return
			}
			if r.Number <= last || r.Number > strings.Count(text, "\n")+1 || (r.Line == nil) == (r.Fault == nil) {
				t.Fatalf("line %d behind %d: %+v", r.Number, last, r)
			}
			last = r.Number
		}
	})
}
