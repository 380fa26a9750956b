//! Queries: filter, order, page, projection; and what comes back.
use std::marker::PhantomData;
/// One sort key.
pub struct Sort<M>{ position: u16, descending: bool, marker: PhantomData<fn()->M>}
impl<M> Sort<M>{ pub(crate) fn new(position:u16, descending:bool)->Self{Self{position,descending,marker:PhantomData}}}
