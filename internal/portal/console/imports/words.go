package imports

import (
	"github.com/gatehouse-io/gatehouse/internal/fault"
	"github.com/gatehouse-io/gatehouse/internal/portal/console/kit"
	"github.com/gatehouse-io/gatehouse/internal/porting"
	"github.com/gatehouse-io/gatehouse/internal/ui"
)

func formatText(f porting.Format) ui.Text {
	switch f {
	case porting.Keycloak:
		return ui.T("Realm exported by Keycloak")
	case porting.Dex:
		return ui.T("Rows or resources of Dex")
	case porting.Gatehouse:
	}
	return ui.T("JSON lines, as they are exported here")
}

// stateTag says how far an import is, and whether it waits for a second person.
func stateTag(s porting.State, approval *porting.Approval) ui.Tag {
	switch s {
	case porting.Reading:
		return ui.Tag{Text: ui.T("Being read")}
	case porting.Checking:
		return ui.Tag{Text: ui.T("Being checked")}
	case porting.Checked:
		if approval != nil {
			return ui.Tag{Text: ui.T("Waits for approval"), Tone: ui.Warn}
		}
		return ui.Tag{Text: ui.T("To be applied"), Tone: ui.Warn}
	case porting.Applying:
		return ui.Tag{Text: ui.T("Being applied")}
	case porting.Done:
		return ui.Tag{Text: ui.T("Applied"), Tone: ui.Good}
	case porting.Refused:
		return ui.Tag{Text: ui.T("Refused"), Tone: ui.Bad}
	case porting.Stopped:
	}
	return ui.Tag{Text: ui.T("Stopped"), Tone: ui.Bad}
}

// lead says what there is to see of an import.
func lead(i porting.Import) ui.Text {
	switch i.State {
	case porting.Reading:
		return ui.T("The file is being read. Nothing is changed by that.")
	case porting.Checking:
		return ui.T("Each line is compared with the directory. Nothing is changed by that.")
	case porting.Checked:
		if todo(i) == 0 {
			return ui.T("Nothing of it would change anything here.")
		}
		return ui.T("This is what would become of each line. Nothing is changed before it is applied.")
	case porting.Applying:
		return ui.T("The lines are applied one after the other. If the broker ends meanwhile, it goes on afterwards.")
	case porting.Done:
		return ui.T("This is what became of each line.")
	case porting.Refused:
		return ui.T("Nothing was taken of the file.")
	case porting.Stopped:
	}
	return ui.T("It could not go on. What was applied until then stays; importing the file again does the rest.")
}

func kindText(k porting.Kind) ui.Text {
	switch k {
	case porting.KindPerson:
		return ui.T("People")
	case porting.KindUser:
		return ui.T("Users of connections")
	case porting.KindGroup:
		return ui.T("Groups")
	case porting.KindMembership:
		return ui.T("Memberships")
	case porting.KindMapping:
		return ui.T("Names of groups")
	case porting.KindAssignment:
		return ui.T("Roles in apps")
	case porting.KindDirectory, porting.KindEnd:
	}
	return ui.T("Unreadable lines")
}

// noteText says what a foreign file has that was not taken.
func noteText(code string) ui.Text {
	texts := map[string]ui.Text{
		"identity_provider_unmapped": ui.T("Accounts of identity providers that no connection was named for"),
		"user_without_subject":       ui.T("Users who could not sign in, since no account of theirs has a connection here"),
		"service_account":            ui.T("Service accounts"),
		"realm_role":                 ui.T("Roles of the realm"),
		"client_role":                ui.T("Roles of clients"),
		"group_role":                 ui.T("Roles of groups"),
		"attribute":                  ui.T("Attributes"),
		"required_action":            ui.T("Required actions"),
		"groups_left_out":            ui.T("Groups, since no connection was named to keep them"),
		"memberships_left_out":       ui.T("Memberships, since no connection was named to keep groups"),
		"membership_unknown_group":   ui.T("Memberships in groups that the file does not have"),
		"connector_unmapped":         ui.T("People of connectors that no connection was named for"),
		"group_of_sign_in":           ui.T("Groups that a sign-in told: the next one tells them here"),
		"other_resource":             ui.T("Resources that are of no person"),
	}
	if t, ok := texts[code]; ok {
		return t
	}
	return ui.Plain(code)
}

// say is what a page says of something that was wrong with a file.
func say(v *kit.Visit, t porting.Trouble) ui.Text {
	return v.Say(fault.New(fault.Invalid, t.Code, "%s", t.Detail))
}

// todo is how many lines are to be applied, or were, and out how many are refused.
func todo(i porting.Import) (n int) {
	for _, c := range i.Counts {
		n += c.Created + c.Changed
	}
	return n
}

func out(i porting.Import) (n int) {
	for _, c := range i.Counts {
		n += c.Refused
	}
	return n
}
