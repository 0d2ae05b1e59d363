package console

import "github.com/gatehouse-io/gatehouse/internal/ui"

// notices are what is said after a change, by the code in the address.
func notices() map[string]ui.Text {
	return map[string]ui.Text{
		"app-disabled":        ui.T("The app is switched off: nobody gets in, and what it held is revoked."),
		"app-enabled":         ui.T("The app is switched on again."),
		"app-removed":         ui.T("The app is removed, with everything that was derived from it."),
		"app-applied":         ui.T("The manifest is in force."),
		"connection-disabled": ui.T("The connection is disabled: everybody who came over it is signed out."),
		"connection-enabled":  ui.T("The connection is enabled again."),
		"connection-applied":  ui.T("The connection is kept like this, at every replica. Test it next."),
		"connection-removed":  ui.T("The connection is removed: everybody who came over it is signed out."),
		"person-disabled":     ui.T("The person is disabled and signed out everywhere."),
		"person-enabled":      ui.T("The person may sign in again."),
		"person-out":          ui.T("The person is signed out everywhere."),
		"grant-withdrawn":     ui.T("The app holds nothing of this person any more."),
		"group-mapped":        ui.T("The group is mapped."),
		"group-unmapped":      ui.T("The mapping is gone: the group grants nothing."),
		"exchange-pruned":     ui.T("The token is ended, with all that hung from it."),
		"revoked":             ui.T("Revoked: whatever carries it is refused from now on."),
		"session-ended":       ui.T("The session is ended, and its apps are being told."),
		"key-rotated":         ui.T("The next key is published. It signs once everybody can know it."),
		"key-killed":          ui.T("The key is gone, with every token that it signed."),
		"event-retried":       ui.T("The event is being tried again."),
		"event-discarded":     ui.T("The event is given up."),
		"job-retried":         ui.T("The job is being tried again."),
		"job-discarded":       ui.T("The job is given up."),
		"stream-paused":       ui.T("The stream is paused: what its receiver is to hear waits."),
		"stream-enabled":      ui.T("The stream delivers again, and begins with what waits."),
		"stream-disabled":     ui.T("The stream is disabled: its receiver hears nothing."),
		"stream-removed":      ui.T("The stream is removed, with all that waited in it."),
		"role-assigned":       ui.T("The role is given."),
		"role-unassigned":     ui.T("The role is taken away."),
		"token-revoked":       ui.T("The token is revoked: nothing can be done with it any more."),
		"change-approved":     ui.T("The change is approved and made."),
		"change-rejected":     ui.T("The change is rejected: nothing was done."),
	}
}
