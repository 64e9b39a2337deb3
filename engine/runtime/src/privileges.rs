//! From root to the user that the engine shall be, once ports are bound.
//!
//! Law: for good and for all threads; whoever called `become_identity` with success cannot go back.

use std::ffi::CString;
use std::io;

/// A user, its group, and its further groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: u32,
    pub group: u32,
    pub groups: Vec<u32>,
}

#[derive(Debug)]
pub enum NoIdentity {
    UnknownUser,
    UnknownGroup,
    /// The account database cannot be read.
    Failed(io::Error),
}

/// Room for an entry of the account database, in bytes; doubled when it does not suffice.
const ENTRY_BYTES: usize = 4096;
const ENTRY_BYTES_MAX: usize = 1 << 20;
/// Groups of one user that the kernel takes.
const GROUPS_MAX: usize = 65_536;

impl Identity {
    /// The account `user`, in its own group or in `group`.
    pub fn of(user: &str, group: Option<&str>) -> Result<Identity, NoIdentity> {
        let name = CString::new(user).map_err(|_| NoIdentity::UnknownUser)?;
        // SAFETY: all pointers are to locals that live through the call, sized as told.
        let account = database_entry(|entry: &mut libc::passwd, room, found| unsafe {
            libc::getpwnam_r(name.as_ptr(), entry, room.as_mut_ptr(), room.len(), found)
        })?;
        let (id, own) = account.map(|entry| (entry.pw_uid, entry.pw_gid)).ok_or(NoIdentity::UnknownUser)?;
        let group = group.map_or(Ok(own), group_id)?;
        Ok(Identity { user: id, group, groups: groups_of(&name, group)? })
    }

    /// Makes the whole process this identity.
    pub fn become_identity(&self) -> io::Result<()> {
        // SAFETY: the list is ours and as long as told. The C library makes these calls in all threads.
        unsafe {
            succeeded(libc::setgroups(self.groups.len(), self.groups.as_ptr()))?;
            succeeded(libc::setgid(self.group))?;
            succeeded(libc::setuid(self.user))?;
            if self.user != 0 && libc::setuid(0) == 0 {
                return Err(io::Error::other("the privileges of root came back"));
            }
        }
        Ok(())
    }
}

fn group_id(name: &str) -> Result<u32, NoIdentity> {
    let name = CString::new(name).map_err(|_| NoIdentity::UnknownGroup)?;
    // SAFETY: all pointers are to locals that live through the call, sized as told.
    let entry = database_entry(|entry: &mut libc::group, room, found| unsafe {
        libc::getgrnam_r(name.as_ptr(), entry, room.as_mut_ptr(), room.len(), found)
    })?;
    entry.map(|entry| entry.gr_gid).ok_or(NoIdentity::UnknownGroup)
}

/// Calls `look_up` with more and more room for the entry's texts, until it suffices. Only the entry's numbers
/// may be used afterwards: its texts are gone.
fn database_entry<E>(
    mut look_up: impl FnMut(&mut E, &mut [libc::c_char], &mut *mut E) -> i32,
) -> Result<Option<E>, NoIdentity> {
    let mut room: Vec<libc::c_char> = vec![0; ENTRY_BYTES];
    loop {
        // SAFETY: `E` is one of two C structures of numbers and pointers, for which zeros are valid.
        let mut entry: E = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        match look_up(&mut entry, &mut room, &mut found) {
            0 => return Ok((!found.is_null()).then_some(entry)),
            libc::ERANGE if room.len() < ENTRY_BYTES_MAX => room.resize(room.len() * 2, 0),
            libc::EINTR => {}
            errno => return Err(NoIdentity::Failed(io::Error::from_raw_os_error(errno))),
        }
    }
}

fn groups_of(user: &CString, group: u32) -> Result<Vec<u32>, NoIdentity> {
    let mut groups = vec![0; 64];
    loop {
        let mut count = groups.len() as libc::c_int;
        // SAFETY: the list has room for `count` groups; the call stores how many there are.
        let result = unsafe { libc::getgrouplist(user.as_ptr(), group, groups.as_mut_ptr(), &mut count) };
        if result >= 0 {
            groups.truncate(result as usize);
            return Ok(groups);
        }
        if groups.len() >= GROUPS_MAX {
            return Err(NoIdentity::Failed(io::Error::from_raw_os_error(libc::ERANGE)));
        }
        groups.resize(groups.len() * 4, 0);
    }
}

fn succeeded(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
