// Package courses owns what people learn and how far they are: courses, paths and their published versions, lessons with
// quizzes and reflections, enrollments, completions, the statements that learning writes into the activity stream, what an
// adopter adds to a path, the progress of visitors, and the importer.
//
// It does not own who may see an item (tenants), stories and resources that stand in a path as a step (marketing, community),
// the discussion beside a lesson (community), or any measure of learning (impact).
//
// A published version never changes; an enrollment pins one. What was finished is kept by the stable key of a lesson, so that a
// new version takes nothing away. Quiz answers, reflections and the place where somebody stopped are that person's own.
//
// Rooms to the right may call the service and the building blocks that take a transaction (PublishCourse, PublishPath,
// PutAdditions); nobody writes its tables.
package courses
