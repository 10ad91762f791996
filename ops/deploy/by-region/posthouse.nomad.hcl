# Posthouse on Nomad, over the data centres of one region (the store's latency is every commit's: keep it within a few milliseconds). Doors stand in
# every data centre and clients reach the near one by DNS; workers stand where bandwidth is cheap; the control plane (API, portal) stands anywhere. Other
# regions are cells of their own, with stores of their own (docs/scale.md).
#
# Before the first run:
# - the image, with FoundationDB's client (ops/deploy/Dockerfile);
# - secrets, as a variable that Nomad gives to this job only. The master key (ops/deploy/README.md) is bytes, so it goes in as base64:
#     nomad var put nomad/jobs/posthouse master_key="$(base64 -w0 master.key)" fdb_cluster="$(cat fdb.cluster)" \
#       chain="$(cat chain.pem)" key="$(cat key.pem)" access_key=... secret_key=... sql_url=...
#   With Vault instead: `with secret "kv/data/posthouse"` and `.Data.data.master_key` in the templates below.
# - client machines that run doors: the image's user is not root and uses the machine's network, so sysctl net.ipv4.ip_unprivileged_port_start=25.
# - names: MACHINE.mail.example.org has the machine's public address, which is where its mail comes from, and is its PTR; _spf.mail.example.org names all of them. The
#   certificate is for *.mail.example.org and mail.example.org. The doors have nothing in front of them: no `proxy`, or anybody could claim any address.
# After it, once: nomad alloc exec -task posthouse ALLOCATION_OF_CONTROL posthouse ctl --data /var/lib/posthouse operator-token
variable "version" { default = "latest" }

locals {
  # What all nodes have in common. objects.access_key and others come from the environment.
  shared = <<-TOML
    # kill_timeout is at most the client's max_kill_timeout, which is 30s where nothing else is configured; this is a little less.
    stop_timeout = "25s"
    [store]
    kind = "foundationdb"
    foundationdb_cluster = "/secrets/fdb.cluster"
    master_key = "/secrets/master.key"
    [objects]
    kind = "s3"
    endpoint = "https://s3.east.example.org"
    bucket = "mail-east"
    [bus]
    kind = "nats"
    url = "nats://nats.service.consul:4222"
    [cells]
    redis_url = "redis://redis.service.consul:6379"
    [domains]
    mx = "mx.mail.example.org"
    spf = "include:_spf.mail.example.org"
  TOML

  bucket_keys = <<-ENV
    {{ with nomadVar "nomad/jobs/posthouse" }}POSTHOUSE_OBJECTS_ACCESS_KEY={{ .access_key }}
    POSTHOUSE_OBJECTS_SECRET_KEY={{ .secret_key }}{{ end }}
  ENV

  # Files. No line end behind the master key: it has 32 bytes.
  master_key  = "{{ with nomadVar \"nomad/jobs/posthouse\" }}{{ .master_key.Value | base64Decode }}{{ end }}"
  fdb_cluster = "{{ with nomadVar \"nomad/jobs/posthouse\" }}{{ .fdb_cluster }}{{ end }}"
  chain       = "{{ with nomadVar \"nomad/jobs/posthouse\" }}{{ .chain }}{{ end }}"
  key         = "{{ with nomadVar \"nomad/jobs/posthouse\" }}{{ .key }}{{ end }}"
}

job "posthouse" {
  datacenters = ["east-1", "east-2", "east-3"]

  # One after the other, and no canary: it would need a machine whose ports are free, and somebody who promotes it.
  update {
    max_parallel      = 1
    health_check      = "checks"
    min_healthy_time  = "10s"
    healthy_deadline  = "2m"
    progress_deadline = "10m"
    auto_revert       = true
  }

  group "doors" {
    count = 6

    spread {
      attribute = "${node.datacenter}"
    }

    network {
      port "smtp" { static = 25 }
      port "submission" { static = 587 }
      port "submissions" { static = 465 }
      port "imap" { static = 143 }
      port "imaps" { static = 993 }
      # Health and metrics: a firewall keeps it from the outside.
      port "http" { static = 8080 }
    }

    service {
      name = "posthouse-doors"
      port = "imaps"
      tags = ["${node.datacenter}"]
      check {
        type     = "http"
        port     = "http"
        path     = "/readyz"
        interval = "2s"
        timeout  = "1s"
      }
    }

    task "posthouse" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"
      # Not found by Consul any more first, gone later: clients have time to go elsewhere.
      shutdown_delay = "10s"

      config {
        image        = "registry.example.org/posthouse:${var.version}"
        network_mode = "host"
        args         = ["serve", "--config", "/local/posthouse.toml"]
      }

      template {
        destination = "local/posthouse.toml"
        data        = <<-TOML
          hostname = "{{ env "node.unique.name" }}.mail.example.org"
          role = "data"
          data = "/alloc/data/posthouse"
          ${local.shared}
          [listen]
          smtp = "0.0.0.0:25"
          submission = "0.0.0.0:587"
          submissions = "0.0.0.0:465"
          imap = "0.0.0.0:143"
          imaps = "0.0.0.0:993"
          http = "0.0.0.0:8080"
          [tls]
          chain = "/secrets/chain.pem"
          key = "/secrets/key.pem"
          [queue]
          enabled = false
          [upkeep]
          enabled = false
        TOML
      }

      template {
        destination = "secrets/environment"
        env         = true
        data        = local.bucket_keys
      }

      template {
        destination = "secrets/master.key"
        data        = local.master_key
        perms       = "0400"
        uid         = 10001
      }

      # FoundationDB's client writes it when the coordinators change.
      template {
        destination = "secrets/fdb.cluster"
        data        = local.fdb_cluster
        change_mode = "noop"
        perms       = "0600"
        uid         = 10001
      }

      # SIGHUP reads certificates again; nobody is disconnected.
      template {
        destination   = "secrets/chain.pem"
        data          = local.chain
        change_mode   = "signal"
        change_signal = "SIGHUP"
        perms         = "0400"
        uid           = 10001
      }

      template {
        destination   = "secrets/key.pem"
        data          = local.key
        change_mode   = "signal"
        change_signal = "SIGHUP"
        perms         = "0400"
        uid           = 10001
      }

      resources {
        cpu    = 2000
        memory = 2048
      }
    }
  }

  group "workers" {
    # How many there are is the scaling policy's.
    count = 3

    affinity {
      attribute = "${node.datacenter}"
      value     = "east-3"
      weight    = 80
    }

    network {
      port "http" {}
    }

    service {
      name = "posthouse-workers"
      port = "http"
      check {
        type     = "http"
        path     = "/readyz"
        interval = "5s"
        timeout  = "1s"
      }
    }

    scaling {
      enabled = true
      min     = 1
      max     = 20
      policy {
        cooldown = "5m"
        check "backlog" {
          source = "prometheus"
          # Every node that sends shows the count of the whole store: a mean of it does not fall when there are more of them, and a target for it is never
          # reached. So the number of workers is asked for itself: one for each 1,000 items that are due.
          query = "ceil(max(posthouse_queue_due) / 1000)"
          strategy "pass-through" {}
        }
      }
    }

    task "posthouse" {
      driver       = "docker"
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      config {
        image        = "registry.example.org/posthouse:${var.version}"
        network_mode = "host"
        args         = ["serve", "--config", "/local/posthouse.toml"]
      }

      template {
        destination = "local/posthouse.toml"
        data        = <<-TOML
          hostname = "{{ env "node.unique.name" }}.mail.example.org"
          role = "data"
          data = "/alloc/data/posthouse"
          ${local.shared}
          [listen]
          http = "0.0.0.0:{{ env "NOMAD_PORT_http" }}"
        TOML
      }

      template {
        destination = "secrets/environment"
        env         = true
        data        = local.bucket_keys
      }

      template {
        destination = "secrets/master.key"
        data        = local.master_key
        perms       = "0400"
        uid         = 10001
      }

      template {
        destination = "secrets/fdb.cluster"
        data        = local.fdb_cluster
        change_mode = "noop"
        perms       = "0600"
        uid         = 10001
      }

      resources {
        cpu    = 1000
        memory = 1024
      }
    }
  }

  # The control plane: API and portal, over one PostgreSQL database. TLS is of the proxy in front (Traefik, Fabio, HAProxy with Consul), which also denies
  # /metrics, /readyz and /healthz from the outside.
  group "control" {
    count = 2

    network {
      port "http" { to = 8080 }
    }

    service {
      name = "posthouse-portal"
      port = "http"
      check {
        type     = "http"
        path     = "/readyz"
        interval = "2s"
        timeout  = "1s"
      }
    }

    task "posthouse" {
      driver         = "docker"
      kill_signal    = "SIGTERM"
      kill_timeout   = "30s"
      shutdown_delay = "10s"

      # In a network of its own, of which only the port `http` is published.
      # Consul answers DNS there too (an address that containers reach), for NATS and Redis.
      config {
        image = "registry.example.org/posthouse:${var.version}"
        args  = ["serve", "--config", "/local/posthouse.toml"]
        ports = ["http"]
        mount {
          type   = "bind"
          source = "local/operator.token"
          target = "/var/lib/posthouse/operator.token"
        }
      }

      # Keeps a node whose folder is new from making an operator token of its own at each start.
      template {
        destination = "local/operator.token"
        data        = "made by: posthouse ctl operator-token"
      }

      template {
        destination = "local/posthouse.toml"
        data        = <<-TOML
          # What mail programs are told: a name of the doors.
          hostname = "mail.example.org"
          role = "all"
          data = "/var/lib/posthouse"
          portal = "https://mail.example.org"
          # The proxy in front.
          trusted_proxies = "10.0.0.0/8"
          ${local.shared}
          # Mail programs (autoconfiguration) and DNS records are told the doors of this process; nobody comes to these.
          [listen]
          submission = "127.0.0.1:587"
          submissions = "127.0.0.1:465"
          imap = "127.0.0.1:143"
          imaps = "127.0.0.1:993"
          http = "0.0.0.0:8080"
          [queue]
          enabled = false
          [upkeep]
          enabled = false
        TOML
      }

      template {
        destination = "secrets/environment"
        env         = true
        data        = <<-ENV
          ${local.bucket_keys}
          {{ with nomadVar "nomad/jobs/posthouse" }}POSTHOUSE_SQL_URL={{ .sql_url }}{{ end }}
        ENV
      }

      template {
        destination = "secrets/master.key"
        data        = local.master_key
        perms       = "0400"
        uid         = 10001
      }

      template {
        destination = "secrets/fdb.cluster"
        data        = local.fdb_cluster
        change_mode = "noop"
        perms       = "0600"
        uid         = 10001
      }

      resources {
        cpu    = 1000
        memory = 1024
      }
    }
  }
}
