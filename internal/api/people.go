package api

import (
	"net/http"

	"github.com/gatehouse-io/gatehouse/internal/directory"
)

// pageOfPeople is how many people one answer has.
const pageOfPeople = 200

// people is a page of the directory, by id; Next continues it as parameter after.
type people struct {
	People []directory.Person `json:"people"`
	Next   string             `json:"next,omitempty"`
}

// listPeople answers with the people whose ids come after the parameter after.
func (a *API) listPeople(r *http.Request) (any, error) {
	list, err := a.o.Directory.People(r.Context(), r.URL.Query().Get("after"), pageOfPeople)
	if err != nil {
		return nil, err
	}
	page := people{People: append([]directory.Person{}, list...)}
	if len(list) == pageOfPeople {
		page.Next = list[len(list)-1].ID
	}
	return page, nil
}

// person answers with one person.
func (a *API) person(r *http.Request) (any, error) {
	return a.o.Directory.Person(r.Context(), r.PathValue("id"))
}
