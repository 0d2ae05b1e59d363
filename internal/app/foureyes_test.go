package app

import (
	"strings"
	"testing"

	"github.com/gatehouse-io/gatehouse/config"
)

func TestFourEyesAreForOperationsThatCanWait(t *testing.T) {
	if err := Check(config.Config{Admin: config.Admin{FourEyes: []string{"killKey", "disableConnection", "assignRole", "unassignRole", "mapGroup", "unmapGroup"}}}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"KillKey", "listApps", "previewKillKey", "approveChange", "rejectChange", "createToken", "rotateAppSecret", ""} {
		err := Check(config.Config{Admin: config.Admin{FourEyes: []string{"killKey", name}}})
		if err == nil || !strings.Contains(err.Error(), "admin.four_eyes[1]") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
