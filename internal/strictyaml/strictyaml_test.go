package strictyaml_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

type inner struct {
	Name string          `yaml:"name"`
	Keys json.RawMessage `yaml:"keys"`
}

type sample struct {
	Text    string            `yaml:"text"`
	Number  int               `yaml:"number"`
	Ratio   float64           `yaml:"ratio"`
	On      bool              `yaml:"on"`
	Maybe   *bool             `yaml:"maybe"`
	Unsaid  *bool             `yaml:"unsaid"`
	Wait    time.Duration     `yaml:"wait"`
	Network netip.Prefix      `yaml:"network"`
	List    []string          `yaml:"list"`
	Names   map[string]string `yaml:"names"`
	Inner   *inner            `yaml:"inner"`
	Inners  []inner           `yaml:"inners"`
	hidden  int               //nolint:unused // shows that unexported fields are passed over
}

func decode(text string) (sample, []string) {
	var s sample
	_, faults := strictyaml.Decode([]byte(text), &s, strictyaml.Options{File: "f.yaml"})
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Error())
	}
	return s, lines
}

func TestEveryKindOfValueIsRead(t *testing.T) {
	s, faults := decode(`
text: hello
number: 3
ratio: 0.5
on: true
maybe: false
wait: 90d
network: 10.0.0.0/8
list: [a, "1"]
names: {a: b}
inner: {name: x, keys: {b: 1, a: [true, null, 1.5]}}
inners:
  - name: y
`)
	if faults != nil {
		t.Fatal(faults)
	}
	if s.Text != "hello" || s.Number != 3 || s.Ratio != 0.5 || !s.On || s.Wait != 90*24*time.Hour || s.Network.String() != "10.0.0.0/8" {
		t.Errorf("scalars: %+v", s)
	}
	if s.Maybe == nil || *s.Maybe || s.Unsaid != nil {
		t.Errorf("scalars that may be left out: %v %v", s.Maybe, s.Unsaid)
	}
	if !slices.Equal(s.List, []string{"a", "1"}) || s.Names["a"] != "b" || s.Inner.Name != "x" || s.Inners[0].Name != "y" {
		t.Errorf("collections: %+v", s)
	}
	if got := string(s.Inner.Keys); got != `{"a":[true,null,1.5],"b":1}` {
		t.Errorf("raw JSON: %s", got)
	}
}

func TestEveryFaultIsReportedAtOnceWithItsPlace(t *testing.T) {
	_, faults := decode(`text: 1.0
number: many
ratio: .nan
on: yes
wait: 3 days
network: 10.0.0.0
list: a
inner:
  name: [x]
  other: 1
text: again
hidden: 1
names: {a: {}}
inners: [1]
`)
	want := []string{
		"f.yaml:1:7: text: must be text; put it in quotes",
		"f.yaml:2:9: number: must be a whole number",
		"f.yaml:3:8: ratio: must be a number",
		"f.yaml:4:5: on: must be true or false",
		"f.yaml:5:7: wait: must be a duration such as 30s, 15m, 8h or 90d",
		"f.yaml:6:10: network: is not valid: netip.ParsePrefix(\"10.0.0.0\"): no '/'",
		"f.yaml:7:7: list: must be a list",
		"f.yaml:9:9: inner.name: must be text",
		"f.yaml:10:3: inner.other: unknown field",
		"f.yaml:11:1: text: is given twice",
		"f.yaml:12:1: hidden: unknown field",
		"f.yaml:13:12: names.a: must be text",
		"f.yaml:14:10: inners[0]: must be a group of fields",
	}
	if !slices.Equal(faults, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(faults, "\n"), strings.Join(want, "\n"))
	}
}

func TestDocumentsThatHideSomethingAreRefused(t *testing.T) {
	bomb := "inner:\n  keys:\n    a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		bomb += fmt.Sprintf("    b%d: &a%d [%s]\n", i, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "is empty"},
		"only a comment":  {"# nothing\n", "is empty"},
		"null":            {"text: ~\n", "has no value"},
		"two documents":   {"text: a\n---\ntext: b\n", "more than one document"},
		"broken":          {"text: [a\n", "is not valid YAML"},
		"broken second":   {"text: a\n---\n[", "is not valid YAML"},
		"merge key":       {"<<: {text: a}\n", "merge keys"},
		"complex key":     {"? [a]\n: b\n", "field names must be plain text"},
		"unknown alias":   {"text: *nobody\n", "is not valid YAML"},
		"alias of itself": {"inner: {keys: &a [*a]}\n", "too large or too deep"},
		"billion laughs":  {bomb, "too large or too deep"},
		"deep":            {"inner: {keys: " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}\n", "depth"},
		"large":           {"text: " + strings.Repeat("a", 1<<20), "is larger than"},
		"binary tag":      {"text: !!binary aGk=\n", "must be text"},
		"own tag":         {"inner: {keys: !evil x}\n", "JSON does not know"},
		"control":         {"text: \"a\x00b\"\n", "is not valid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := decode(c.text)
			if len(faults) == 0 || !strings.Contains(strings.Join(faults, "\n"), c.want) {
				t.Errorf("got %q, want %q", faults, c.want)
			}
			if len(faults) > 3 {
				t.Errorf("one cause gives %d faults", len(faults))
			}
		})
	}
}

func TestAliasesWithinTheLimitsAreFollowed(t *testing.T) {
	s, faults := decode("list: &l [a, b]\ninner: {keys: *l}\n")
	if faults != nil || string(s.Inner.Keys) != `["a","b"]` {
		t.Errorf("%+v %v", s, faults)
	}
}

func TestJSONIsReadAlsoWhenItIsIndentedByTabs(t *testing.T) {
	s, faults := decode("{\n\t\"text\": \"a\\u00e9\\/\",\n\t\"number\": 1\n}")
	if faults != nil || s.Text != "aé/" || s.Number != 1 {
		t.Errorf("%+v %v", s, faults)
	}
}

func TestAFaultOfAMissingValuePointsAtItsParent(t *testing.T) {
	var s sample
	doc, faults := strictyaml.Decode([]byte("inner:\n  name: x\n"), &s, strictyaml.Options{File: "f.yaml"})
	if faults != nil {
		t.Fatal(faults)
	}
	if got := doc.Fault("inner.keys[2].kid", "is missing").Error(); got != "f.yaml:2:3: inner.keys[2].kid: is missing" {
		t.Error(got)
	}
	if !doc.Has("inner.name") || doc.Has("inner.keys") {
		t.Error("Has does not tell what is there")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("text: a\ninner: {keys: {a: [1]}}\n")
	f.Add("a: &a [*a]")
	f.Add("{\"text\":\"\\ud83d\\ude00\"}")
	f.Fuzz(func(t *testing.T, text string) {
		s, faults := decode(text)
		if faults == nil && s.Inner != nil && s.Inner.Keys != nil && !json.Valid(s.Inner.Keys) {
			t.Errorf("raw JSON is none: %s", s.Inner.Keys)
		}
	})
}
