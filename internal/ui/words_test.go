package ui

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// in returns a locale of the test's own.
func in(tag language.Tag, texts map[string]string) *locale {
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	return &locale{tag: tag, print: message.NewPrinter(tag), shared: catalogue{Texts: texts}, now: func() time.Time { return now }}
}

func TestScopesAreReadInWords(t *testing.T) {
	got := scopes([]string{"payroll.read", "email", "openid", "profile", "groups", "offline_access"})
	if len(got) != 5 || got[0].Text.key != "payroll.read" || !got[0].Text.plain {
		t.Fatalf("%+v", got)
	}
	for _, s := range got {
		if _, err := icon(s.Icon); err != nil || s.Text.Empty() || s.Note.Empty() {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if got := in(language.English, nil).say(scopes([]string{"https://pay.example/#1#payroll.read"})[0].Note); got != "At the API https://pay.example/#1, in your name" {
		t.Errorf("a right at an API: %s", got)
	}
	if got := scopes([]string{"openid"}); len(got) != 0 {
		t.Errorf("signing in alone: %+v", got)
	}
}

func TestDevicesAreReadInWords(t *testing.T) {
	english := in(language.English, nil)
	for header, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36":                                      "Chrome on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0":                                                           "Firefox on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1":    "Safari on iOS",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0":              "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36": "Samsung Browser on Android",
		"": "An unknown browser", "<script>alert(1)</script>": "An unknown browser",
	} {
		d := device(header)
		if got := english.say(d.Text); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
	if d := device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"); d.Icon != "phone" {
		t.Errorf("a telephone is shown as %s", d.Icon)
	}
}

func TestContactsLeadOnlyWhereTheyMay(t *testing.T) {
	for where, want := range map[string]string{
		"ana@acme.example": "mailto:ana@acme.example", "https://chat.example/x": "https://chat.example/x",
		"#expense-bot": "", "javascript:alert(1)": "", "http://chat.example": "", "Ana <ana@acme.example>": "", "": "",
	} {
		if got := contact(where); got != want {
			t.Errorf("%q leads to %q, want %q", where, got, want)
		}
	}
}

func TestTheLanguageIsTheOneThatWasAskedForFirst(t *testing.T) {
	for name, c := range map[string]struct {
		query, app, cookie, accepts string
		want                        language.Tag
	}{
		"nobody asks":                          {want: language.English},
		"the browser":                          {accepts: "de-AT,de;q=0.9,en;q=0.5", want: language.German},
		"the browser, by its weights":          {accepts: "de;q=0.2, en;q=0.9", want: language.English},
		"a language that there is not":         {accepts: "fr-FR, it", want: language.English},
		"the second of the browser":            {accepts: "fr, de;q=0.5", want: language.German},
		"an earlier choice before the browser": {cookie: "de", accepts: "en", want: language.German},
		"the app before an earlier choice":     {app: "en", cookie: "de", accepts: "de", want: language.English},
		"the app's second":                     {app: "fr-CA de", accepts: "en", want: language.German},
		"the app asks for nonsense":            {app: "!! 12345678901", accepts: "de", want: language.German},
		"the person before everybody":          {query: "?lang=de", app: "en", cookie: "en", accepts: "en", want: language.German},
		"the person asks for nonsense":         {query: "?lang=%00", accepts: "de", want: language.German},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/"+c.query, nil)
		r.Header.Set("Accept-Language", c.accepts)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: c.cookie})
		}
		if got := Languages()[choose(Prefer(r, c.app))]; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestNumbersTimesAndListsAreWrittenAsTheLanguageDoes(t *testing.T) {
	english, german := in(language.English, nil), in(language.German, map[string]string{
		"%s and %s": "%s und %s", "%d minutes ago": "vor %d Minuten", "in %d days": "in %d Tagen", "never": "nie", "yesterday": "gestern",
	})
	now := english.now()
	for _, c := range []struct{ got, want string }{
		{english.number(1234567), "1,234,567"},
		{german.number(1234567), "1.234.567"},
		{english.list([]string{"a", "b", "c"}), "a, b and c"},
		{german.list([]string{"a", "b"}), "a und b"},
		{english.list(nil), ""},
		{english.date(now), "9 March 2026"},
		{german.date(now), "9. März 2026"},
		{english.moment(now), "9 March 2026, 12:00 UTC"},
		{english.relative(now.Add(-30 * time.Second)), "just now"},
		{english.relative(now.Add(-time.Minute)), "a minute ago"},
		{german.relative(now.Add(-5 * time.Minute)), "vor 5 Minuten"},
		{english.relative(now.Add(-3 * time.Hour)), "3 hours ago"},
		{german.relative(now.Add(-30 * time.Hour)), "gestern"},
		{english.relative(now.Add(-8 * day)), "1 March 2026"},
		{english.relative(now.Add(90 * time.Minute)), "in an hour"},
		{german.relative(now.Add(3 * day)), "in 3 Tagen"},
		{string(german.at(time.Time{})), "nie"},
		{string(english.ago(now.Add(-time.Hour))), `<time datetime="2026-03-09T11:00:00Z" title="9 March 2026, 11:00 UTC">an hour ago</time>`},
		{english.say(Either([]string{"a", "b", "c"})), "a, b or c"},
		{english.say(N(1, "%d app", "%d apps")), "1 app"},
		{english.say(N(2000, "%d app", "%d apps")), "2,000 apps"},
		{german.say(Plain("never")), "never"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestHowAnAppKnowsAPersonIsReadInWords(t *testing.T) {
	const format = "urn:oasis:names:tc:SAML:1.1:nameid-format:"
	for name, want := range map[string]string{
		"": "By an identifier that stays the same", format + "unspecified": "By an identifier that stays the same",
		"urn:oasis:names:tc:SAML:2.0:nameid-format:persistent": "By an identifier that stays the same",
		"urn:oasis:names:tc:SAML:2.0:nameid-format:transient":  "By an identifier that is a new one every time",
		format + "emailAddress":                                "By your e-mail address",
	} {
		if got := (Learns{NameID: name}).KnownBy(); got.Note.key != want || got.Text.Empty() {
			t.Errorf("%q: %+v", name, got)
		}
	}
}
