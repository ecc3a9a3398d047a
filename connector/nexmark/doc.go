// Package nexmark generates the events of the Nexmark benchmark: an auction site with persons,
// auctions and bids in the proportion 1 : 3 : 46 and its hot sellers, auctions and bidders.
//
// Every field is a pure function of the event number, so that the offset is the event number, a
// replay is exact, and a reader computes only the columns that somebody reads. Persons, auctions and
// bids of the three tables refer to each other as in the other implementations of the benchmark: ids
// and hot-key rules are the same, the random draws and letters are our own.
package nexmark
