// Package entitlement decides who may use which app, and says why.
//
// A person has a role in an app by
//   - a group: the app's release names it for the role, and a mapping gave that name to
//     an upstream group that the person is in;
//   - an Assignment by an administrator, for a time if need be: to the person, to an
//     upstream group, or to whoever has an attribute, such as a department.
//
// Groups are upstream groups by their id, wherever they are not names of a manifest. A
// role that the release in force does not name gives nothing.
//
// Every decision is made by Decide from a Question: at sign-in and for each token from
// what holds now (Checker), for an explanation of any instant from what was kept of it
// (Explain), and within the transaction of a change from what is before and after it
// (Lost). The three never differ in the rule, only in where the facts are read.
package entitlement

import "github.com/gatehouse-io/gatehouse/internal/fault"

// ErrNotEntitled is the refusal of a person who has no role in an app.
var ErrNotEntitled = fault.New(fault.Denied, "not_entitled", "you are in no group that may use this app")
