package resource

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// manyMembers is the text of a list.
func manyMembers(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, `,{"value":"u%08d"}`, i)
	}
	return "[" + all.String()[1:] + "]"
}

func decoded(t *testing.T, text string) map[string]any {
	t.Helper()
	of, err := Decode([]byte(text), Budget{Values: 1_000_000, Kept: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	return of
}

func TestALongListHasTheElementsThatItsTextHas(t *testing.T) {
	for _, n := range []int{1, shorter, shorter + 1, longest, longest + 1, 5000} {
		for what, text := range map[string]string{"of the message": `{"a":%s}`, "within": `{"b":{"a":%s}}`, "within a list": `{"b":[{"a":%s}]}`} {
			of := decoded(t, fmt.Sprintf(text, manyMembers(n)))
			if in, ok := of["b"].([]any); ok {
				of, _ = in[0].(map[string]any)
			} else if in, ok := of["b"].(map[string]any); ok {
				of = in
			}
			all, size, ok := Elements(of["a"])
			got := slices.Collect(all)
			if !ok || size != n || len(got) != n {
				t.Fatalf("%d, %s: %d, %d elements, %t", n, what, size, len(got), ok)
			}
			for i, e := range got {
				if want := map[string]any{"value": fmt.Sprintf("u%08d", i)}; !reflect.DeepEqual(e, want) {
					t.Fatalf("%d, %s: %v, want %v", n, what, e, want)
				}
			}
		}
	}
	if _, _, ok := Elements("text"); ok {
		t.Error("a text is a list")
	}
}

func TestALongListIsReadWithWhatBecomesOfItsElements(t *testing.T) {
	of, _ := decoded(t, `{"a":`+manyMembers(2000)+`}`)["a"].(List)
	n := 0
	for e := range of.Each(func(any) any { n++; return n }).Each(func(v any) any { return []any{v} }).all {
		if !reflect.DeepEqual(e, []any{n}) {
			t.Fatalf("element %d is %v", n, e)
		}
	}
	if n != 2000 {
		t.Errorf("%d elements", n)
	}
}

// inUse is how many bytes are in use while what is kept is.
func inUse(keep func() any) (any, uint64) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v := keep()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return v, after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
}

func TestALongListTakesNoMoreThanItsText(t *testing.T) {
	text := `{"members":` + manyMembers(100_000) + `}`
	v, took := inUse(func() any { return decoded(t, text) })
	if took > 2*uint64(len(text)) {
		t.Errorf("a text of %d bytes takes %d", len(text), took)
	}
	runtime.KeepAlive(v)
	var short strings.Builder
	for i := range 100_000 / shorter {
		fmt.Fprintf(&short, `,"m%d":%s`, i, manyMembers(shorter))
	}
	v, took = inUse(func() any { return decoded(t, `{`+short.String()[1:]+`}`) })
	if took < 10*uint64(len(text)) {
		t.Errorf("control: as many in short lists take %d bytes", took)
	}
	runtime.KeepAlive(v)
}

func TestWhatIsKeptOfABodyIsBounded(t *testing.T) {
	short := strings.Repeat(`,`+manyMembers(10), 100)[1:]
	for what, c := range map[string]struct {
		text string
		want error
	}{
		"control: a long list":                {`{"a":` + manyMembers(2000) + `}`, nil},
		"many short ones":                     {`{"a":[` + short + `]}`, ErrValues},
		"many short ones in a long one":       {`{"a":[` + strings.Repeat(short+",", 11) + `1]}`, ErrValues},
		"more than may be looked at":          {`{"a":` + manyMembers(10_000) + `}`, ErrValues},
		"a fault far in a long list":          {`{"a":[` + strings.Repeat("1,", 2000) + `}]}`, ErrSyntax},
		"a name that comes twice in one":      {`{"a":[` + strings.Repeat("1,", 2000) + `{"b":1,"b":2}]}`, ErrSyntax},
		"an end that does not come":           {`{"a":[` + strings.Repeat("1,", 2000) + `1`, ErrSyntax},
		"control: a long list of short lists": {`{"a":[` + strings.Repeat("[1],", 2000) + `1]}`, nil},
	} {
		_, err := Decode([]byte(c.text), Budget{Values: 8000, Kept: 2100})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}
