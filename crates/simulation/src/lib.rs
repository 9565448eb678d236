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
