//! A deterministic simulation of the whole way of a change: writes, the table and its stream, the publisher, the topic,
//! the queues, several servers, their connections, the pages, and time. It is for tests only.
//!
//! In: a seed. Out: a schedule, and the first rule that the schedule breaks. The rules of `domain`, the publisher's
//! handler, and the servers' inbox, hub, history, loader and decisions are the real code. Only AWS, the network and the
//! page are imitated. No schedule needs a thread, a clock or a network, so a seed always has the same result.
//!
//! | module | content |
//! |---|---|
//! | [`step`], [`random`] | one step of a schedule, and the generator of schedules |
//! | [`world`] | everything that takes part, and the effect of each step |
//! | [`table`] | the table, its stream, and reads of it that take time |
//! | [`stream`] | the event source mapping, which calls the publisher |
//! | [`server`] | a server with its queue |
//! | [`page`], [`known`] | a page: its connection, and the factories that it knows |
//! | [`now`] | futures that are polled once |
//! | [`shrink`] | the shortest schedule that still breaks a rule |
//! | [`vectors`] | what pages received and made of it, for the test of the page's own code |
//!
//! Faults that were put in by hand, each alone, and the first of the seeds from 0 on whose schedule finds it (4 000 were run):
//!
//! | fault | seed | rule that is broken |
//! |---|---|---|
//! | `reconcile` forgets removals that it did not know before the read (a removed factory comes back) | 998 | a server tells an older revision than it was told |
//! | `Tree::apply` takes the known revision a second time | 0 | told twice |
//! | `Tree::apply` looks at no revision | 0 | told twice |
//! | `Tree::apply` does not remember a removal | 4 | a server tells an older revision than it was told |
//! | a page resumes one position too late | 22 | a page keeps losing its connection |
//! | a page resumes one position too early | 3 | a position comes again |
//! | a snapshot names a position that is one too high | 0 | a page keeps losing its connection |
//! | a snapshot names a position that is one too low | 1 | told twice |
//! | the table is read before the known revisions are | 42 | a server differs from the table |
//! | the publisher names the last failed record in place of the first | 20 | a server differs from the table, without upkeep |
//! | the page does not ask about what it doubts | 0 | a page differs from the table |
//! | the oldest change of a factory is sent in place of the newest | 4 | a server tells an older revision than it was told |
//! | an item that is gone from the table is kept | 34 | a page differs from the table |
//! | a coalesced backlog names a position that is too low | 0 | told twice |
//! | a connection that is too far behind is kept | 20 | a page differs from the table |
//! | a cached snapshot is never replaced | 3 | a server differs from the table |
//! | a page resumes at another server's position | 12 | a page differs from the table |
//! | what a server learned during a read is removed after it | 42 | a server differs from the table |

pub mod known;
pub mod now;
pub mod page;
pub mod random;
pub mod server;
pub mod shrink;
pub mod step;
pub mod stream;
pub mod table;
pub mod vectors;
pub mod world;
