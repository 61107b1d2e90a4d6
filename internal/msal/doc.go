// Package msal is what this library does for MSAL, or in spite of it. MSAL's client lives in an azidentity credential, which is new
// in every attempt: it would read Entra's documents again each time, so they are kept here. It reads a persistent cache whole,
// adds a token and writes it whole, and can neither be told to hurry nor to forget one: so one credential writes at a time,
// after its answer is there, and a token with no life left replaces a forgotten one.
package msal
