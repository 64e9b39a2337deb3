//! Outgoing connections, from the address that the binding asks for.

use crate::net::stream::RealStream;
use crate::world::Shard;
use io_uring::{opcode, types::Fd};
use mail::Time;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::rc::Rc;
use world::Dial;

pub(crate) async fn dial(shard: &Rc<Shard>, dial: Dial) -> io::Result<RealStream> {
    let socket = Socket::new(Domain::for_address(dial.to), Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(from) = dial.from {
        bind_without_port(&socket, from)?;
    }
    let socket = connect(shard, socket, SockAddr::from(dial.to), dial.deadline).await?;
    Ok(RealStream::new(shard, socket, Some(dial.to)))
}

pub(crate) async fn dial_unix(shard: &Rc<Shard>, path: &Path, deadline: Time) -> io::Result<RealStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let socket = connect(shard, socket, SockAddr::unix(path)?, deadline).await?;
    Ok(RealStream::new(shard, socket, None))
}

async fn connect(shard: &Rc<Shard>, socket: Socket, to: SockAddr, deadline: Time) -> io::Result<Socket> {
    let address = Box::new(to);
    // SAFETY: the entry points to the boxed address and names the socket: both are the payload.
    let (connected, (socket, _)) = unsafe {
        shard.run((socket, address), deadline, |(socket, address)| {
            opcode::Connect::new(Fd(socket.as_raw_fd()), address.as_ptr().cast(), address.len()).build()
        })
    }
    .await;
    connected?;
    Ok(socket)
}

/// Binds the address alone; the port is chosen at connect, where it need be unique only per destination.
fn bind_without_port(socket: &Socket, from: IpAddr) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option's value is a local integer of the size that is told.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_BIND_ADDRESS_NO_PORT,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    socket.bind(&SockAddr::from(SocketAddr::new(from, 0)))
}
