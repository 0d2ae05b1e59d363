package ui

import (
	"testing"

	"golang.org/x/text/language"

	"github.com/gatehouse-io/gatehouse/internal/strictyaml"
)

func TestARuleIsSaidInTheLanguageOfThePage(t *testing.T) {
	var into struct {
		Count int               `yaml:"count"`
		Name  string            `yaml:"name"`
		Kinds map[string]string `yaml:"kinds"`
	}
	document, faults := strictyaml.Decode([]byte("count: x\nkinds: 3\nname: 5\nother: 1\n"), &into, strictyaml.Options{File: "f"})
	faults = append(faults, document.Fault("name", "is required and must have %d to %d characters", 1, 80), document.Fault("name", "%s", "must be exact: no wildcard"), strictyaml.Fault{Message: "100% odd"})
	texts, err := german(pages)
	if err != nil {
		t.Fatal(err)
	}
	l := in(language.German, nil)
	l.shared = texts
	for i, want := range []struct{ english, german string }{
		{"must be a whole number", "muss eine ganze Zahl sein"},
		{"must be a group of names and values", "muss eine Gruppe von Namen und Werten sein"},
		{"must be text; put it in quotes", "muss Text in Anführungszeichen sein"},
		{"unknown field", "unbekanntes Feld"},
		{"is required and must have 1 to 80 characters", "ist erforderlich und muss 1 bis 80 Zeichen haben"},
		{"must be exact: no wildcard", "muss genau sein: kein Platzhalter"},
		{"100% odd", "100% odd"},
	} {
		if got := Rule(faults[i]); got.English() != want.english || got.English() != faults[i].Message || l.say(got) != want.german {
			t.Errorf("%q, in German %q, want %+v", got.English(), l.say(got), want)
		}
	}
}
