//! Extensions that the peer offers.
