package integration

import (
	"net/http"
	"strings"
	"testing"
)

// A name that reorders the text around it makes a page say something else: here that a
// program is a picture.
func TestNamesThatReorderTextAreShownHarmlessly(t *testing.T) {
	a := newAttacker(t)
	to := a.Facts().SCIM[1]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to.BaseURL+"/Groups",
		strings.NewReader("{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:Group\"],\"displayName\":\"Picture \u202egnp.exe\u2066\"}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+to.Token)
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
	page, err := a.atAcmeAs("ada").Get(t.Context(), a.Issuer()+"/admin/groups")
	if err != nil {
		t.Fatal(err)
	}
	if text := page.Text(); strings.ContainsAny(text, "\u202e\u2066") || !strings.Contains(text, "Picture [U+202E]gnp.exe[U+2066]") {
		t.Error(text)
	}
}
