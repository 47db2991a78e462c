// Package authz decides who may do what: one table from action to the roles that may, and to whose things. Every exported
// service method calls Check on its first line; a test of the house counts that. It decides on roles and ownership only:
// which rows a viewer may see at all is decided where the rows are read, by the scope of the query and by the row policies.
package authz

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/learnscape/learnscape/internal/errs"
	"github.com/learnscape/learnscape/internal/id"
	"github.com/learnscape/learnscape/internal/scope"
)

// Action is something that a service method does, named room.verb.
type Action string

// Rule says who may do an action.
type Rule struct {
	Visitor bool          // also somebody without an account
	Roles   []scope.Role  // any one of them; none means every member
	Actors  []scope.Actor // system actors that may
	Foreign bool          // also on what another organization owns (reading what was opened, learning, answering)
}

// The actions of all rooms.
const (
	SeeItem         Action = "tenants.see_item"
	ListItems       Action = "tenants.list_items"
	ManageItem      Action = "tenants.manage_item"
	SeeOrg          Action = "tenants.see_org"
	SeeNetwork      Action = "tenants.see_network"
	ManageNetwork   Action = "tenants.manage_network"
	ManageSharing   Action = "tenants.manage_sharing"
	SeeOffer        Action = "tenants.see_offer"
	CarryOut        Action = "tenants.carry_out"
	ManageOrg       Action = "tenants.manage_org"
	CreateOrg       Action = "tenants.create_org"
	CheckDomains    Action = "tenants.check_domains"
	SuspendOrg      Action = "tenants.suspend_org"
	CloseOrg        Action = "tenants.close_org"
	EraseOrg        Action = "tenants.erase_org"
	SeeTeams        Action = "tenants.see_teams"
	ManageTeams     Action = "tenants.manage_teams"
	SeePeople       Action = "tenants.see_people"
	ManagePeople    Action = "tenants.manage_people"
	OwnData         Action = "tenants.own_data"
	ErasePerson     Action = "tenants.erase_person"
	ExportOrg       Action = "tenants.export_org"
	HandOut         Action = "tenants.hand_out"
	ReadLog         Action = "tenants.read_log"
	SealLog         Action = "tenants.seal_log"
	Consent         Action = "tenants.consent"
	Disclose        Action = "tenants.disclose"
	ViewAs          Action = "tenants.view_as"
	CountReads      Action = "tenants.count_reads"
	SignIn          Action = "auth.sign_in"
	SeeProviders    Action = "auth.see_providers"
	ManageProviders Action = "auth.manage_providers"
	InvitePeople    Action = "auth.invite_people"
	ImportPeople    Action = "auth.import_people"
	EndSession      Action = "auth.end_session"
	OwnAccounts     Action = "auth.own_accounts"
	OwnSessions     Action = "auth.own_sessions"
	EndSessions     Action = "auth.end_sessions"
	CreateToken     Action = "auth.create_token"
	Provision       Action = "auth.provision"
	Reseal          Action = "auth.reseal"
	Learn           Action = "courses.learn"
	Assign          Action = "courses.assign"
	SeeTeamLearning Action = "courses.see_team_learning"
	RecordPast      Action = "courses.record_past"
	Author          Action = "courses.author"
	CheckLinks      Action = "courses.check_links"
	Review          Action = "courses.review"
	SeatPeople      Action = "courses.seat_people"
	Adopt           Action = "courses.adopt"
	SignJoint       Action = "courses.sign_joint"
	Issue           Action = "courses.issue"
	OwnCredentials  Action = "courses.own_credentials"
	CheckCredential Action = "courses.check_credential"
	Revoke          Action = "courses.revoke"
	ManageIssuer    Action = "courses.manage_issuer"
	SeeStanding     Action = "courses.see_standing"
	ReadStory       Action = "marketing.read_story"
	WriteStory      Action = "marketing.write_story"
	CountTouch      Action = "marketing.count_touch"
	ReadQuestions   Action = "community.read"
	Ask             Action = "community.ask"
	WriteResource   Action = "community.write_resource"
	LoadPosts       Action = "community.load_posts"
	Search          Action = "search.search"
	Index           Action = "search.index"
	KeepProgress    Action = "courses.keep_progress"
	VisitorProgress Action = "courses.visitor_progress"
	SendMail        Action = "mail.send"
	OwnAccount      Action = "auth.own_account"
	SeeIndividuals  Action = "auth.see_individuals"
	ManageDoor      Action = "auth.manage_door"
	SignInOperator  Action = "auth.sign_in_operator"
	Operate         Action = "auth.operate"
	BreakGlass      Action = "auth.break_glass"
	AnswerGlass     Action = "auth.answer_break_glass"
)

var table = map[Action]Rule{
	SeeItem:         {Visitor: true, Foreign: true},
	ListItems:       {Visitor: true, Foreign: true},
	ManageItem:      {Roles: []scope.Role{scope.Author, scope.Marketer, scope.Administrator}, Actors: []scope.Actor{scope.Operator}},
	SeeOrg:          {Visitor: true, Foreign: true, Actors: []scope.Actor{scope.SignIn, scope.Operator, scope.Issuer, scope.Mailer}},
	SeeNetwork:      {},
	ManageNetwork:   {Roles: []scope.Role{scope.PartnerManager, scope.Administrator}},
	ManageSharing:   {Roles: []scope.Role{scope.Author, scope.Marketer, scope.PartnerManager, scope.Administrator}},
	SeeOffer:        {Visitor: true, Foreign: true},
	CarryOut:        {Actors: []scope.Actor{scope.Agreement}},
	ManageOrg:       {Roles: []scope.Role{scope.Administrator}, Actors: []scope.Actor{scope.Operator}},
	CreateOrg:       {Actors: []scope.Actor{scope.Operator}},
	CheckDomains:    {Actors: []scope.Actor{scope.Registrar}},
	SuspendOrg:      {Actors: []scope.Actor{scope.Operator, scope.Console}},
	CloseOrg:        {Roles: []scope.Role{scope.Administrator}},
	EraseOrg:        {Actors: []scope.Actor{scope.Keeper}},
	SeeTeams:        {Roles: []scope.Role{scope.Manager, scope.Administrator}},
	ManageTeams:     {Roles: []scope.Role{scope.Administrator}},
	SeePeople:       {Roles: []scope.Role{scope.Administrator}},
	ManagePeople:    {Roles: []scope.Role{scope.Administrator}},
	OwnData:         {},
	ErasePerson:     {Actors: []scope.Actor{scope.Keeper}},
	ExportOrg:       {Roles: []scope.Role{scope.Administrator}},
	HandOut:         {Actors: []scope.Actor{scope.Keeper}},
	ReadLog:         {Roles: []scope.Role{scope.Administrator}, Actors: []scope.Actor{scope.Operator}},
	CountReads:      {Actors: []scope.Actor{scope.Counter}},
	ViewAs:          {Roles: []scope.Role{scope.Author, scope.PartnerManager, scope.Administrator}},
	SealLog:         {Actors: []scope.Actor{scope.Sealer, scope.Operator}},
	Consent:         {},
	Disclose:        {Actors: []scope.Actor{scope.Discloser}},
	SignIn:          {Visitor: true, Actors: []scope.Actor{scope.SignIn}},
	SeeProviders:    {Roles: []scope.Role{scope.Administrator}},
	ManageProviders: {Roles: []scope.Role{scope.Administrator}},
	InvitePeople:    {Roles: []scope.Role{scope.Administrator}},
	ImportPeople:    {Roles: []scope.Role{scope.Administrator}, Actors: []scope.Actor{scope.SignIn}},
	EndSession:      {Actors: []scope.Actor{scope.SignIn}},
	OwnAccounts:     {},
	OwnSessions:     {},
	EndSessions:     {Roles: []scope.Role{scope.Administrator}},
	CreateToken:     {Roles: []scope.Role{scope.Administrator}, Actors: []scope.Actor{scope.Operator}},
	Provision:       {Roles: []scope.Role{scope.Administrator}},
	Reseal:          {Actors: []scope.Actor{scope.Operator}},
	Learn:           {Foreign: true},
	Assign:          {Roles: []scope.Role{scope.Manager, scope.Administrator}, Actors: []scope.Actor{scope.Mailer}},
	SeeTeamLearning: {Roles: []scope.Role{scope.Manager, scope.Administrator}},
	RecordPast:      {Roles: []scope.Role{scope.Manager, scope.Administrator}},
	Author:          {Roles: []scope.Role{scope.Author, scope.Administrator}, Actors: []scope.Actor{scope.Operator, scope.Importer}},
	CheckLinks:      {Actors: []scope.Actor{scope.Importer}},
	Review:          {},
	SeatPeople:      {Actors: []scope.Actor{scope.Usher}},
	Adopt:           {Roles: []scope.Role{scope.Author, scope.Marketer, scope.Administrator}, Actors: []scope.Actor{scope.Operator}},
	SignJoint:       {Roles: []scope.Role{scope.Author, scope.Marketer, scope.PartnerManager, scope.Administrator}},
	Issue:           {Actors: []scope.Actor{scope.Issuer}},
	OwnCredentials:  {},
	CheckCredential: {Visitor: true, Foreign: true},
	Revoke:          {Roles: []scope.Role{scope.Author, scope.PartnerManager, scope.Administrator}},
	ManageIssuer:    {Roles: []scope.Role{scope.Administrator}},
	SeeStanding:     {Roles: []scope.Role{scope.Manager, scope.PartnerManager, scope.Administrator}},
	ReadStory:       {Visitor: true, Foreign: true},
	WriteStory:      {Roles: []scope.Role{scope.Marketer, scope.Author, scope.Administrator}, Actors: []scope.Actor{scope.Operator}},
	CountTouch:      {Visitor: true, Foreign: true, Actors: []scope.Actor{scope.Counter}},
	ReadQuestions:   {Visitor: true, Foreign: true},
	Ask:             {Foreign: true},
	WriteResource:   {Actors: []scope.Actor{scope.Operator}},
	LoadPosts:       {Actors: []scope.Actor{scope.Operator}},
	Search:          {Visitor: true, Foreign: true},
	Index:           {Actors: []scope.Actor{scope.Indexer, scope.Operator}},
	KeepProgress:    {Foreign: true, Actors: []scope.Actor{scope.Individual}},
	VisitorProgress: {Visitor: true, Foreign: true},
	SendMail:        {Actors: []scope.Actor{scope.Mailer}},
	OwnAccount:      {Actors: []scope.Actor{scope.Individual}},
	SeeIndividuals:  {Roles: []scope.Role{scope.Administrator}},
	ManageDoor:      {Roles: []scope.Role{scope.Administrator}},
	SignInOperator:  {Actors: []scope.Actor{scope.SignIn}},
	Operate:         {Actors: []scope.Actor{scope.Console}},
	BreakGlass:      {Actors: []scope.Actor{scope.SignIn}},
	AnswerGlass:     {Roles: []scope.Role{scope.Administrator}},
}

// Table returns a copy of the table, for tests and for the administrator's page of roles.
func Table() map[Action]Rule {
	return maps.Clone(table)
}

// Check returns nil if the scope in ctx may do the action on what owner owns (zero owner: the actor's own organization,
// or no one thing). A visitor who would have to sign in gets Unauthenticated; everybody else who may not gets NotFound,
// because what may not be seen does not exist.
func Check(ctx context.Context, a Action, owner id.Org) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if Allowed(s, a, owner) {
		return nil
	}
	if s.Actor == scope.Visitor {
		return errs.New(errs.Unauthenticated, "%s needs a member", a)
	}
	return &errs.Error{Kind: errs.NotFound, Err: Refusal{Action: a, Actor: s.Actor, Org: s.Org, Owner: owner}}
}

// Refusal is why Check answers NotFound, for the log: the thing is there, or is not, and whoever acts may not.
type Refusal struct {
	Action     Action
	Actor      scope.Actor
	Org, Owner id.Org
}

// Error implements error.
func (r Refusal) Error() string {
	return fmt.Sprintf("%s: %s of %s may not on %s", r.Action, r.Actor, r.Org, r.Owner)
}

// Allowed is Check as a boolean, for buttons.
func Allowed(s scope.Scope, a Action, owner id.Org) bool {
	r, ok := table[a]
	if !ok {
		return false
	}
	if !r.Foreign && !owner.IsZero() && owner != s.Org {
		return false
	}
	if !s.Token.IsZero() && !reaches(s.For, a) {
		return false
	}
	switch s.Actor {
	case scope.Visitor:
		return r.Visitor
	case scope.Individual:
		return r.Visitor || slices.Contains(r.Actors, s.Actor)
	case scope.Member:
		if len(r.Roles) == 0 {
			return len(r.Actors) == 0 || r.Foreign || r.Visitor
		}
		return slices.ContainsFunc(r.Roles, s.Has)
	default:
		return slices.Contains(r.Actors, s.Actor)
	}
}
