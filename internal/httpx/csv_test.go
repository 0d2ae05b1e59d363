package httpx_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/internal/httpx"
)

func TestCellsOfStrangersAreNoFormulas(t *testing.T) {
	for text, want := range map[string]string{
		"Alice Moreau":                  "Alice Moreau",
		`a,b "c"`:                       `a,b "c"`,
		"two\nlines":                    "two\nlines",
		"":                              "",
		"x=1":                           "x=1",
		`=HYPERLINK("http://evil","x")`: `'=HYPERLINK("http://evil","x")`,
		"+1":                            "'+1",
		"-2+3":                          "'-2+3",
		"@SUM(A1)":                      "'@SUM(A1)",
		"|calc":                         "'|calc",
		"\t=1":                          "'\t=1",
		"\rtext":                        "'\rtext",
		"  =1":                          "'  =1",
		"\"=1":                          "'\"=1",
		"\u00a0=1":                      "'\u00a0=1",
		"\uff1d1":                       "'\uff1d1",
	} {
		var out strings.Builder
		c := httpx.NewCSV(&out)
		if err := c.Write(text, "last"); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 {
			t.Fatalf("%q: %v %v", text, rows, err)
		}
		if got := rows[0][0]; got != want || rows[0][1] != "last" {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}
