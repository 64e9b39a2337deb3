//! Known options of reception that nobody obeys yet.

use crate::{Bool, Integer, OptionDef, OptionalText, Perms, Seconds, Size, Text};

const KERNEL_BUFFERS: &str = "the kernel sizes the buffers of sockets by their traffic";
const ONE_ACCEPT_LOOP: &str = "every shard accepts for itself, without threads";
const QUALIFYING: &str = "addresses without a domain stay as they are; a script may complete them";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// Connections waiting between the threads that accept and the loop that serves.
    accept_queue_backlog: Integer = "0",
        in [control_listener, eccluster_listener, ecstream_listener, esmtp_listener, http_listener, listen,
            msgcserver_listener, xmpp_listener], tier 2 Ignored(ONE_ACCEPT_LOOP);
    /// Threads that accept, of a listener; threads of a pool; loops of an event loop.
    concurrency: Integer = "0",
        in [control_listener, eccluster_listener, ecstream_listener, esmtp_listener, eventloop, http_listener,
            listen, threadpool, xmpp_listener],
        tier 2 Ignored("one shard for each core does the work; `impetus run --shards` sets how many");
    /// Accepted connections handed to the loop at a time.
    events_per_iter: Integer = "0",
        in [control_listener, eccluster_listener, ecstream_listener, esmtp_listener, http_listener, listen,
            xmpp_listener], tier 3 Ignored(ONE_ACCEPT_LOOP);
    /// Pool whose threads accept.
    pool_name: OptionalText = "",
        in [control_listener, eccluster_listener, ecstream_listener, esmtp_listener, http_listener, listen,
            xmpp_listener], tier 3 Ignored(ONE_ACCEPT_LOOP);
    /// Event loops that serve the sessions of the listener.
    event_loop: OptionalText = "", in [ecstream_listener, esmtp_listener, http_listener, listen],
        tier 3 Ignored("sessions belong to the shard that accepted them");
    /// Bytes of a socket's receive buffer; 0 leaves it to the kernel.
    tcp_recv_buffer_size: Size = "4096",
        in [control_listener, eccluster_listener, ecstream_listener, esmtp_listener, http_listener, listen,
            xmpp_listener], tier 2 Ignored(KERNEL_BUFFERS);
    /// Bytes of a socket's send buffer; 0 leaves it to the kernel.
    tcp_send_buffer_size: Size = "4096",
        in [control_listener, eccluster_listener, ecstream_listener, esmtp_listener, http_listener, listen,
            xmpp_listener], tier 2 Ignored(KERNEL_BUFFERS);
    /// True: small packets leave at once (TCP_NODELAY).
    disable_nagle_algorithm: Bool = "false",
        in [control_listener, eccluster_listener, ecstream_listener, esmtp_listener, global, http_listener,
            listen, xmpp_listener], tier 2 Approximated("always as if true");
    /// True: clients must begin with a PROXY header, whose address then counts.
    proxy_protocol: Bool = "false",
        in [control_listener, ecstream_listener, esmtp_listener, http_listener, listen, peer, xmpp_listener],
        tier 2 Refused("clients would be taken for the proxy, and relay as it may; let them connect directly");
    /// Seconds for the PROXY header to arrive; 0 unlimited.
    proxy_protocol_timeout: Seconds = "60",
        in [control_listener, ecstream_listener, esmtp_listener, http_listener, listen, peer, xmpp_listener],
        tier 2 Ignored("there is no PROXY header to wait for");
    /// False: no socket.
    enable: Bool = "true",
        in [eccluster_listener, ecstream_listener, http_listener, msgcserver_listener, xmpp_listener],
        tier 1 Ignored("listeners of this protocol open no socket");
    /// Mode of a Unix socket.
    file_mode: Perms = "0660",
        in [eccluster_listener, ecstream_listener, http_listener, msgcserver_listener, xmpp_listener],
        tier 2 Ignored("listeners of this protocol open no socket");
    /// Connections that the kernel keeps until they are accepted.
    listen_backlog: Integer = "500",
        in [control_listener, eccluster_listener, ecstream_listener, http_listener, xmpp_listener],
        tier 1 Ignored("the console takes the system's limit; listeners of other protocols open no socket");
    /// Seconds without client activity before disconnect; 0 never.
    idle_time: Seconds = "0", in [http_listener, xmpp_listener],
        tier 1 Ignored("listeners of this protocol open no socket");
    /// The pathway whose options apply.
    pathway: OptionalText = "", in [ecstream_listener],
        tier 1 Ignored("listeners of this protocol open no socket");
    /// Character set of messages that name none.
    default_charset: Text = "us-ascii", in [global, pathway, pathway_group],
        tier 2 Coming("decoding of bodies for scripts");
    /// Domain given to recipients without one.
    domain_for_unqualified_recipient_addresses: OptionalText = "",
        in [esmtp_listener, global, listen, pathway, pathway_group, peer], tier 2 Ignored(QUALIFYING);
    /// Domain given to senders without one.
    domain_for_unqualified_sender_address: OptionalText = "",
        in [esmtp_listener, global, listen, pathway, pathway_group, peer], tier 2 Ignored(QUALIFYING);
    /// True: large messages are taken apart while they arrive, not when first asked for.
    mime_parse_large_messages_during_reception: Bool = "true", in [global],
        tier 3 Ignored("messages are taken apart when somebody asks");
    /// Which message types of several channels are taken.
    mcmt_reception: Text = "passthru", in [esmtp_listener, listen, pathway, pathway_group, peer],
        tier 3 Ignored("mobile channels are out of scope");
    /// Seconds without activity before an ECStream client is dropped.
    ecstream_idle_time: Seconds = "300", in [ecstream_listener, listen, pathway, pathway_group, peer],
        tier 3 Ignored("ECStream is not spoken; inject over SMTP");
    /// ECStream messages taken at a stretch.
    ecstream_max_batch_size: Integer = "10000", in [ecstream_listener, listen, pathway, pathway_group, peer],
        tier 3 Ignored("ECStream is not spoken; inject over SMTP");
};
