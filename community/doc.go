// Package community is what people say to each other: questions beside whatever can be learned, their answers, reactions
// to both, and resources that members write.
//
// It owns the tables questions, answers, reactions and resources. It does not own the items asked about (tenants, courses,
// marketing), nor what is found (search, which hears QuestionChanged). search, impact and web may call it.
//
// Who reads what. A post belongs to its author's organization. Its audience is that organization alone (AudienceOrg), also
// the organizations that it is connected to now (AudienceConnected), or everybody (AudiencePublic, only about a public
// item). A question is listed for whoever may read it and may see the item it is about; an answer for whoever may read the
// question and may read the answer itself. So two organizations that are not connected never meet in a thread, and every
// count, order and state that a reader sees is made of what that reader may see: counters on the rows are never shown as
// they are. Reactions of other organizations are a sum, shown from five upwards.
//
// The name a post is shown under is its author's choice, and the author's organization may allow less to a reader's:
// connection_sides.meet 'company' hides the person, 'none' hides the post.
package community
