package staff

import (
	"strings"

	"github.com/gatehouse-io/gatehouse/internal/demo/idp"
)

// user is a user as Acme sends it and looks at it (RFC 7643, section 4.1).
type user struct {
	Schemas    []string   `json:"schemas"`
	ID         string     `json:"id,omitempty"`
	ExternalID string     `json:"externalId"`
	UserName   string     `json:"userName"`
	Active     bool       `json:"active"`
	Name       name       `json:"name"`
	Title      string     `json:"title,omitempty"`
	Locale     string     `json:"locale,omitempty"`
	Emails     []email    `json:"emails"`
	Enterprise enterprise `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,omitzero"`
}

type name struct {
	Formatted  string `json:"formatted"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
}

type email struct {
	Value   string `json:"value"`
	Type    string `json:"type"`
	Primary bool   `json:"primary"`
}

type enterprise struct {
	Department string `json:"department,omitempty"`
	Manager    value  `json:"manager,omitzero"`
}

type value struct {
	Value string `json:"value"`
}

// group is a group (RFC 7643, section 4.2).
type group struct {
	Schemas     []string `json:"schemas"`
	ID          string   `json:"id,omitempty"`
	ExternalID  string   `json:"externalId"`
	DisplayName string   `json:"displayName"`
	Members     []value  `json:"members,omitempty"`
}

// step is one operation of a PATCH (RFC 7644, section 3.5.2).
type step struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

func message(steps []step) any {
	return map[string]any{"schemas": []string{patchSchema}, "Operations": steps}
}

// userOf is somebody as Acme sends them. manager is the broker's id of who manages them.
func userOf(who idp.Person, manager string) user {
	given, family, _ := strings.Cut(who.Name, " ")
	return user{
		Schemas: []string{userSchema, enterpriseSchema}, ExternalID: who.Subject, UserName: who.Username, Active: !who.Left,
		Name:  name{Formatted: who.Name, GivenName: given, FamilyName: family},
		Title: who.Title, Locale: "en", Emails: []email{{Value: who.Email, Type: "work", Primary: true}},
		Enterprise: enterprise{Department: who.Department, Manager: value{manager}},
	}
}

func groupOf(name string, members []value) group {
	return group{Schemas: []string{groupSchema}, ExternalID: idp.GroupID(name), DisplayName: name, Members: members}
}

// changes are the operations that make a user what it shall be, and what they do in a
// word.
func changes(is, want user) (steps []step, does string) {
	does = "change"
	if is.Active != want.Active {
		does = map[bool]string{true: "activate", false: "deactivate"}[want.Active]
		steps = append(steps, step{Op: "replace", Path: "active", Value: want.Active})
	}
	if is.UserName != want.UserName {
		steps = append(steps, step{Op: "replace", Path: "userName", Value: want.UserName})
	}
	if is.Name.Formatted != want.Name.Formatted {
		steps = append(steps, step{Op: "replace", Path: "name", Value: want.Name})
	}
	if len(is.Emails) != 1 || is.Emails[0].Value != want.Emails[0].Value {
		steps = append(steps, step{Op: "replace", Path: "emails", Value: want.Emails})
	}
	steps = append(steps, text("title", is.Title, want.Title)...)
	steps = append(steps, text(enterpriseSchema+":department", is.Enterprise.Department, want.Enterprise.Department)...)
	switch is, want := is.Enterprise.Manager, want.Enterprise.Manager; {
	case is == want:
	case want.Value == "":
		steps = append(steps, step{Op: "remove", Path: enterpriseSchema + ":manager"})
	default:
		steps = append(steps, step{Op: "replace", Path: enterpriseSchema + ":manager", Value: want})
	}
	return steps, does
}

// text changes a text, which is not there when it is empty.
func text(path, is, want string) []step {
	switch {
	case is == want:
		return nil
	case want == "":
		return []step{{Op: "remove", Path: path}}
	}
	return []step{{Op: "replace", Path: path, Value: want}}
}

// memberSteps add and remove members by their ids.
func memberSteps(add, remove []value) (steps []step) {
	if len(add) > 0 {
		steps = append(steps, step{Op: "add", Path: "members", Value: add})
	}
	if len(remove) > 0 {
		steps = append(steps, step{Op: "remove", Path: "members", Value: remove})
	}
	return steps
}
