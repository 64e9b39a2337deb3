//! A datagram socket connected to one peer: questions about names go through it.

use crate::world::Shard;
use io_uring::{opcode, types::Fd};
use mail::Time;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use world::Datagrams;

/// The longest datagram that UDP can carry.
const DATAGRAM_BYTES: usize = 65_535;

pub struct RealDatagrams {
    shard: Rc<Shard>,
    /// Shared with the operations in flight.
    socket: Rc<Socket>,
}

impl RealDatagrams {
    pub(crate) fn open(shard: &Rc<Shard>, to: SocketAddr) -> io::Result<RealDatagrams> {
        let socket = Socket::new(Domain::for_address(to), Type::DGRAM, None)?;
        // Unbound: the kernel picks a random port when it connects.
        socket.connect(&SockAddr::from(to))?;
        Ok(RealDatagrams { shard: shard.clone(), socket: Rc::new(socket) })
    }
}

impl Datagrams for RealDatagrams {
    async fn send(&self, packet: Vec<u8>) -> io::Result<()> {
        let fd = Fd(self.socket.as_raw_fd());
        // SAFETY: the entry points to the packet's heap block and names the socket: both are the payload.
        let (sent, (_, packet)) = unsafe {
            self.shard.run((self.socket.clone(), packet), Time::NEVER, |(_, packet)| {
                opcode::Send::new(fd, packet.as_ptr(), packet.len() as u32).build()
            })
        }
        .await;
        if sent? as usize == packet.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    async fn receive(&self, deadline: Time) -> io::Result<Vec<u8>> {
        let fd = Fd(self.socket.as_raw_fd());
        let room = Vec::with_capacity(DATAGRAM_BYTES);
        // SAFETY: the entry points to the room's heap block and names the socket: both are the payload.
        let (received, (_, mut packet)) = unsafe {
            self.shard.run((self.socket.clone(), room), deadline, |(_, room): &mut (_, Vec<u8>)| {
                opcode::Recv::new(fd, room.as_mut_ptr(), DATAGRAM_BYTES as u32).build()
            })
        }
        .await;
        let length = (received? as usize).min(packet.capacity());
        // SAFETY: the kernel has written that many bytes from the start of the block.
        unsafe { packet.set_len(length) };
        packet.shrink_to_fit();
        Ok(packet)
    }
}
