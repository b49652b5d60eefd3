"""A simulated fleet that checks the service record by record.

Real devices (`tidelog.Device`) of several users write, drop off, come back and wipe their stores, each by a
plan that the seed decides; at the end every store is compared with the service's.

::

    run        phases: provisioning, writing, healing, syncing, checking
    |-- crew       users, devices, channels
    |-- texts      what they write
    |-- plan       who does what, and when
    |-- links      a link a device, which can be cut
    |-- terminal   a device with its link and store, acting by its plan
    |-- ledger     what was written, handed out and counted
    |-- checker    the service's logs and the devices' stores against the ledger
    |-- report     figures, verdict
    `-- screen     progress

What touches the service comes in through `tidelog_fleet.ports.Deployment`.
"""
